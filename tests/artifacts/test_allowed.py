"""The closed list holds what the recipes and common pipelines need, and nothing that is no data."""

import importlib
import inspect
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Lasso, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from xgboost import XGBRegressor

from core.artifacts.allowed import ALLOWED, ESTIMATORS, PARTS
from core.artifacts.content import _FIELDS
from core.features.encoder import RowEncoder
from core.registry import Registry
from core.training.models.trees import BoostedTrees
from core.training.recipe_registry import RECIPES
from tests.artifacts.crafted import ROWS, TARGET, make_card

# scikit-learn's network stops before it has converged: it only has to be saved
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")

CALLERS = {"ConstructorFromReduceNode", "MethodNode", "OperatorFuncNode", "PartialNode"}
"""The kinds of skops that call what they name, with arguments of the file."""


def find(name: str) -> Any:
    module, _, cls = name.rpartition(".")
    return getattr(importlib.import_module(module), cls)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_on_the_list_exists_and_is_one(name: str) -> None:
    assert issubclass(find(name), BaseEstimator)
    assert f"{find(name).__module__}.{find(name).__qualname__}" == name


@pytest.mark.parametrize("name", PARTS)
def test_a_part_on_the_list_is_a_class_that_is_no_estimator_and_cannot_be_called(name: str) -> None:
    cls = find(name)
    assert inspect.isclass(cls)
    assert not issubclass(cls, BaseEstimator)
    assert not issubclass(cls, type)


def test_nothing_of_ours_is_read_but_as_the_state_of_a_class() -> None:
    for loader, names in ALLOWED.items():
        if loader != "ObjectNode":
            assert not [name for name in names if name.startswith("core.")], loader


def test_every_name_on_the_list_exists() -> None:
    for loader, names in ALLOWED.items():
        for name in names:
            assert inspect.isclass(find(name)) or loader == "FunctionNode", name


def test_no_kind_on_the_list_calls_what_it_names_with_arguments_of_the_file() -> None:
    assert not CALLERS & ALLOWED.keys()
    assert ALLOWED.keys() == _FIELDS.keys()


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_saved_and_loaded(tmp_path: Any, recipe: str) -> None:
    rows = [{**row, "__text__": f"def f{i}(x): return x + {i % 7}"} for i, row in enumerate(ROWS)]
    pipeline = RECIPES[recipe].build(0, {}).fit(rows, TARGET)
    registry = Registry(tmp_path / "artifacts", "")
    loaded = registry.load_artifact(registry.save_artifact(pipeline, make_card(pipeline, recipe)))
    assert loaded.pipeline.predict(rows).tolist() == pipeline.predict(rows).tolist()


OTHERS: dict[str, list[Any]] = {
    "boosting from a line": [RowEncoder(impute=False), BoostedTrees(n_trees=3, start="line")],
    "boosting at the tolerance": [RowEncoder(), BoostedTrees(n_trees=3, objective="tolerance")],
    "forest": [RowEncoder(), RandomForestRegressor(3)],
    "extra trees": [RowEncoder(), ExtraTreesRegressor(3)],
    "gradient boosting": [RowEncoder(), GradientBoostingRegressor(n_estimators=3)],
    "histogram boosting": [RowEncoder(impute=False), HistGradientBoostingRegressor(max_iter=3)],
    "adaptive boosting": [RowEncoder(), AdaBoostRegressor(n_estimators=3)],
    "XGBoost": [RowEncoder(impute=False), XGBRegressor(n_estimators=3)],
    "neighbours": [RowEncoder(), KNeighborsRegressor()],
    "network": [RowEncoder(), StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=5)],
    "vectors": [RowEncoder(), StandardScaler(), SVR()],
    "vote": [RowEncoder(), VotingRegressor([("a", Ridge()), ("b", Lasso())])],
    "stack": [RowEncoder(), StackingRegressor([("a", Ridge())])],
    "selection": [RowEncoder(), SelectKBest(f_regression, k=1), Ridge()],
    "columns": [
        RowEncoder(),
        ColumnTransformer([("a", StandardScaler(), slice(0, 1))], remainder="passthrough"),
        Ridge(),
    ],
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_pipeline_of_common_classes_is_saved_and_loaded(tmp_path: Any, name: str) -> None:
    steps = [(str(place), step) for place, step in enumerate(OTHERS[name])]
    pipeline = Pipeline(steps).fit(ROWS, TARGET)
    registry = Registry(tmp_path / "artifacts", "")
    loaded = registry.load_artifact(registry.save_artifact(pipeline, make_card(pipeline)))
    np.testing.assert_array_equal(loaded.pipeline.predict(ROWS), pipeline.predict(ROWS))


def test_the_kinds_that_call_exist_in_the_library_that_is_installed() -> None:
    """A library that names them otherwise would make the list above say nothing."""
    audit = importlib.import_module("skops.io._audit")
    assert skops.io.loads is not None
    assert {name for name, _ in audit.NODE_TYPE_MAPPING} >= CALLERS | ALLOWED.keys()
