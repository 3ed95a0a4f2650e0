"""The recipes, one file each; `core.training.menu` lists this folder."""
