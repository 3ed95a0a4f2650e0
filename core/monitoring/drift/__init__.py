"""Columns compared with the reference of a version, and what drift is expected to cost."""
