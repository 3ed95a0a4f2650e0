"""Decisions by scores: which candidate is picked, which work is redone, and what that is worth."""
