"""Rows of the installation: API keys, API workers, sessions and settings."""
