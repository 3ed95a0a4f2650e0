"""Deployments and trials: decisions on the version that serves, their history and rollback."""
