"""Versions compared with each other, with themselves, and with what is new."""
