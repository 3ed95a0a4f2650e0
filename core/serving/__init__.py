"""Answering prediction requests, durably, with the version that is deployed."""
