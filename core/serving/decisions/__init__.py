"""Requests that are decided: picked among candidates, accepted or redone."""
