"""The recipes, one file each; `core.training.search.recipe_registry` lists this folder."""
