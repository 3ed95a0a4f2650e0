"""Rows of monitoring: health, drift, segments, incidents and messages."""
