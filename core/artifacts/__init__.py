"""Fitted pipelines as signed files, and as functions of a row."""
