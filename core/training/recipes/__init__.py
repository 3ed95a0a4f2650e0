"""The recipes, one file each; `core.training.search.recipe` lists this folder."""
