"""Fitted pipelines as files that cannot change unnoticed, and as functions that score a row."""
