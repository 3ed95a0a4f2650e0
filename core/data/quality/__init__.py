"""The data checks: what is wrong with the rows, how bad it is, and what to do."""
