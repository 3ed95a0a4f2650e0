"""Rows that watching writes: health, drift, segments, incidents and messages."""
