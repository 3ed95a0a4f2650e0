"""The menu of recipes: every file in `core/training/recipes/`, found by listing the folder.

To add one, copy the nearest file there: it holds a `RECIPE` whose name is the file's."""

import importlib
import pkgutil
from collections.abc import Mapping

import core.training.recipes
from core.errors import InvalidInput
from core.training.models.recipe import Recipe


def list_recipes() -> dict[str, Recipe]:
    """The recipes by name, `baseline` first; raises `TypeError` for a file that holds none."""
    found = {}
    for module in pkgutil.iter_modules(core.training.recipes.__path__):
        loaded = importlib.import_module(f"{core.training.recipes.__name__}.{module.name}")
        recipe = getattr(loaded, "RECIPE", None)
        if not isinstance(recipe, Recipe) or recipe.name != module.name:
            raise TypeError(
                f"core/training/recipes/{module.name}.py has to hold a RECIPE named "
                f"'{module.name}'."
            )
        found[recipe.name] = recipe
    return dict(sorted(found.items(), key=lambda item: (item[0] != "baseline", item[0])))


RECIPES: Mapping[str, Recipe] = list_recipes()


def get_recipe(name: str) -> Recipe:
    """One recipe; raises `InvalidInput` with the menu for a name that is not on it.

    >>> get_recipe("baseline").name
    'baseline'
    """
    if name not in RECIPES:
        raise InvalidInput(f"'{name}' is not a recipe: choose {', '.join(RECIPES)}.")
    return RECIPES[name]
