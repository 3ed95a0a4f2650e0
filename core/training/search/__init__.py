"""How a recipe chooses its parameters and is fitted."""
