"""Rows of work: jobs, scheduled tasks and leases."""
