"""Writes that people ask for: permitted by role, approved by a second person, kept in a chain."""
