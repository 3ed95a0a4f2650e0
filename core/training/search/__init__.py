"""The search for a recipe's parameters, and the fit."""
