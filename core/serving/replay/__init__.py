"""Replays: recorded requests scored again by a candidate."""
