"""Scored files: the scores of one version for every row of a file, in parts that survive a kill."""
