"""Rows of collected data: samples, snapshots, sources, quality and erasures."""
