"""Plumbline, an operations dashboard for a quality predictor, as it is installed."""

__version__ = "0.1.0"
