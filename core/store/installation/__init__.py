"""Rows of the installation's own affairs: API keys, API workers and settings."""
