"""Rows of the prediction log: predictions, labels, rollups and retention."""
