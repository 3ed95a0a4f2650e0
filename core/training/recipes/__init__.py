"""The recipes, one file each; `core.training.models.recipe` lists this folder."""
