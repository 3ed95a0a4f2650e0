"""The rows of a training, as features, folds and windows of time."""
