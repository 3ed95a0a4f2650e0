"""Which version serves: decisions, their history, and undoing them."""
