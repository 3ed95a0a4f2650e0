"""When to train again, and the flow that does it."""
