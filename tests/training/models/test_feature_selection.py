"""Columns are selected by the rows that are fitted on, and by no others."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from core.settings import Scale
from core.training.data.rows import Rows
from core.training.evaluate.fitting import fit_recipe
from core.training.models.feature_selection import StrongColumns
from core.training.plan import TrainingPlan
from core.training.recipe_registry import RECIPES
from tests.training.worlds import make_rows


def nineteen(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Nineteen columns of which nine matter, two of them only in a bend."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 19))
    y = 50 + X[:, :7] @ np.linspace(4, 2, 7) + 4 * np.abs(X[:, 7]) - 4 * np.abs(X[:, 8])
    return X, y + rng.normal(0, 4, n)


@pytest.mark.slow
@parametrize_with_checks([StrongColumns()])
def test_it_keeps_the_contract_of_scikit_learn(estimator: StrongColumns, check: object) -> None:
    check(estimator)  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(3))
def test_of_nineteen_columns_the_nine_that_matter_are_kept(seed: int) -> None:
    kept = StrongColumns().fit(*nineteen(1200, seed)).kept_.tolist()
    assert set(range(9)) <= set(kept)
    assert len(kept) <= 11


@pytest.mark.parametrize("seed", [5, 9, 13])
def test_two_columns_that_matter_only_as_a_product_are_kept(seed: int) -> None:
    """Neither has a slope or a bend of its own: a tree has to draw both to see anything."""
    X, _ = nineteen(1000, seed)
    rng = np.random.default_rng(100 + seed)
    y = X[:, :5] @ np.arange(5.0, 0.0, -1) + 4 * np.abs(X[:, 5]) + 3 * X[:, 6] * X[:, 7]
    y += 2 * np.maximum(X[:, 8], 0) + rng.normal(0, 4, 1000)
    kept = StrongColumns().fit(X, y).kept_.tolist()
    assert {6, 7} <= set(kept)
    assert len(kept) <= 11


def test_where_nothing_matters_one_column_is_left() -> None:
    rng = np.random.default_rng(1)
    assert 1 <= len(StrongColumns().fit(rng.normal(size=(300, 12)), rng.normal(size=300)).kept_) < 4


def test_a_single_row_passes_as_in_the_matrix() -> None:
    X, y = nineteen(300, 1)
    step = StrongColumns().fit(X, y)
    assert step.compile_row()(X[5].tolist()) == step.transform(X)[5].tolist()


@pytest.mark.slow
def test_noise_that_correlates_only_on_the_rows_that_judge_is_not_chosen() -> None:
    """The holdout never reaches a recipe; of the folds' rows only those that are fitted on do."""
    X, y = nineteen(600, 1)
    planted = np.random.default_rng(2).normal(size=600)
    planted[500:] = y[500:]  # tells all about the newest rows, and nothing about those before
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(19)]).assign(planted=planted)
    rows = Rows(
        frame, y, np.arange(600.0) * 86_400, None, np.arange(600), np.zeros(600, dtype=bool)
    )
    fitted = fit_recipe(
        RECIPES["advanced"],
        rows.pick(np.arange(500)),
        by_time=True,
        scale=Scale(0, 100),
        seed=0,
        progress=lambda share, message: None,
        plan=TrainingPlan(window="all"),
    )
    assert "planted" not in fitted.selected
    assert fitted.dropped["planted"].startswith("not selected")
    assert {"c0", "c1", "c7"} <= set(fitted.selected)
    # on the rows of the holdout itself nothing else would be chosen
    assert 19 in StrongColumns().fit(frame.to_numpy()[500:], y[500:]).kept_


@pytest.mark.slow
def test_the_card_names_the_columns_that_the_model_reads() -> None:
    rows = make_rows(400)
    rows = replace(rows, features=rows.features.drop(columns=["other"]))
    fitted = fit_recipe(
        RECIPES["advanced"],
        rows,
        by_time=False,
        scale=Scale(0, 100),
        seed=0,
        progress=lambda share, message: None,
    )
    assert fitted.selected == ("size", "lang")
    assert set(fitted.kinds) == {"size", "lang", "third"}
