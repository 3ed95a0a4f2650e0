"""A recipe is on the menu when its file lies in the folder."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import core.training.recipes
from core.errors import InvalidInput
from core.training.models.recipe import Recipe
from core.training.recipe_registry import RECIPES, get_recipe, list_recipes

OWN = '''
"""A team's own recipe."""
from core.training.models.recipe import Recipe


def build(seed, parameters):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import Pipeline
    from core.features.encoder import RowEncoder

    model = RandomForestRegressor(20, random_state=seed)
    return Pipeline([("encode", RowEncoder()), ("model", model)])


RECIPE = Recipe("forest", "A random forest.", build)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    paths = [*core.training.recipes.__path__, str(tmp_path)]
    monkeypatch.setattr(core.training.recipes, "__path__", paths)
    return tmp_path


def test_every_recipe_has_a_name_and_a_line_for_the_menu() -> None:
    assert list(RECIPES)[:3] == ["baseline", "advanced", "enhanced"]
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert recipe.description.endswith(".")


def test_a_file_in_the_folder_is_a_recipe_on_the_menu(folder: Path) -> None:
    (folder / "forest.py").write_text(OWN)
    recipe = list_recipes()["forest"]
    assert isinstance(recipe, Recipe)
    rows = [{"a": float(i)} for i in range(30)]
    pipeline = recipe.build(0, {}).fit(rows, np.arange(30.0))
    assert pipeline.predict(rows).shape == (30,)


@pytest.mark.parametrize("text", ["", "RECIPE = 5", OWN.replace('"forest"', '"other"')])
def test_a_file_without_its_recipe_is_named(folder: Path, text: str) -> None:
    name = f"broken{abs(hash(text))}"
    (folder / f"{name}.py").write_text(text)
    with pytest.raises(TypeError, match=f"{name}.py has to hold a RECIPE"):
        list_recipes()


def test_an_unknown_recipe_is_answered_with_the_menu() -> None:
    with pytest.raises(InvalidInput, match="'magic' is not a recipe: choose baseline, advanced"):
        get_recipe("magic")


def test_reading_the_menu_imports_no_heavy_library() -> None:
    heavy = {"sklearn", "xgboost", "pandas", "scipy", "mlflow"}
    code = f"import sys, core.training.recipe_registry; print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
