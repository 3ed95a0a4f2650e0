"""What a candidate is worth: its holdout, its baselines, its gate and its report."""
