"""Rows about versions: what was trained, what serves, what is on trial."""
