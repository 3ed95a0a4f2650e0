"""Rows about versions, deployments and trials."""
