"""Rows of jobs, scheduled tasks and leases."""
