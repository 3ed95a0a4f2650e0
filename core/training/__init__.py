"""Training: from a snapshot to an evaluated, gated and registered version."""
