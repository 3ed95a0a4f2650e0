"""The durable log of predictions."""
