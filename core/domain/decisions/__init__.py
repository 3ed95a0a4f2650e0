"""The values of decisions: policies, what was decided by them, and what labels said of it."""
