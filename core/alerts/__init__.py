"""Incidents from health checks, and their messages to people."""
