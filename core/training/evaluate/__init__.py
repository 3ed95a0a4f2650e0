"""The evaluation of a candidate: its holdout, baselines, gate and report."""
