"""Prediction requests answered by the deployed version, and logged before anyone is told."""
