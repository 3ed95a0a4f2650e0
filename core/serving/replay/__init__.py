"""Recorded requests scored again by a candidate."""
