"""From a snapshot to an evaluated, gated, registered version."""
