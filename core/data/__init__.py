"""Labelled rows, from their sources through the checks to immutable snapshots."""
