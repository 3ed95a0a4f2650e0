"""Scoring files: a version's scores for every row of one, in pieces that a kill cannot undo."""
