"""Rows by columns through the pipelines that are trained here: the scores of the same rows one by
one."""

from array import array
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from core.artifacts.artifact import Artifact, takes_columns
from core.artifacts.scorer import compile_columns
from core.domain.model_card import Card, GoldenRow
from core.domain.prediction import Columns
from core.domain.sample import FeatureValue
from core.features.encoder import RowEncoder
from core.features.enhanced import EnhancedFeatures
from core.training.models.trees import BoostedTrees

Row = dict[str, FeatureValue]


def make_rows(n: int = 120) -> list[Row]:
    draw = np.random.default_rng(3)
    return [
        {
            "codeQuality": float(draw.uniform(0, 100)),
            "complexity": float(draw.uniform(1, 100)),
            "testCoverage": None if place % 5 == 0 else float(draw.uniform(0, 100)),
            "language": ["go", "py", "", None][place % 4],
            "written": [" 7.5", "12", "none", 3.0][place % 4],
        }
        for place in range(n)
    ]


def by_columns(rows: list[Row]) -> Columns:
    """As a batch has them: an array where each value is a number."""
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    for name in ("codeQuality", "complexity"):
        columns[name] = array("d", columns[name])
    return Columns(columns)


PIPELINES = {
    "linear": [RowEncoder(), LinearRegression()],
    "trees": [RowEncoder(impute=False), BoostedTrees(n_trees=20)],
    "enhanced": [EnhancedFeatures(), RowEncoder(), LinearRegression()],
}


def fit(name: str) -> Pipeline:
    rows = make_rows()
    steps = [(str(place), step) for place, step in enumerate(PIPELINES[name])]
    return Pipeline(steps).fit(rows, [row["codeQuality"] for row in rows])


@pytest.mark.parametrize("name", PIPELINES)
def test_rows_by_columns_have_the_scores_that_they_have_one_by_one(name: str) -> None:
    pipeline = fit(name)
    rows = make_rows(50)
    score = compile_columns(pipeline)
    assert takes_columns(pipeline, score, rows)
    scores = score(by_columns(rows))
    assert scores == pytest.approx(pipeline.predict(rows), abs=1e-9)
    single = [pipeline.predict([row])[0] for row in rows]
    assert scores == pytest.approx(single, abs=1e-9)


def test_an_artifact_clips_them_and_refuses_what_is_no_number() -> None:
    rows = make_rows(30)
    card = Card(
        "r", ("codeQuality",), 20.0, 60.0, 5.0, None, (GoldenRow(rows[0], None, 50.0),), False
    )
    artifact = Artifact(fit("linear"), card)
    assert artifact.takes_columns
    assert not Artifact(artifact.pipeline, replace(card, reads=("text",))).takes_columns
    assert artifact.score_columns(by_columns(rows)).tolist() == artifact.score(rows).tolist()
    artifact = Artifact(Nothing(), card)
    with pytest.raises(ValueError, match="not a finite number"):
        artifact.score_columns(by_columns(rows))


class Nothing(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Has no score for any row."""

    def predict(self, X: Any) -> Any:
        return np.full(len(X), np.nan)


class ByRows(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """A recipe of somebody's own that knows rows only."""

    def predict(self, X: Any) -> Any:
        return np.array([row["codeQuality"] for row in X])


def test_a_pipeline_that_cannot_read_columns_is_not_given_any() -> None:
    assert not takes_columns(ByRows(), compile_columns(ByRows()), make_rows(5))
    linear = fit("linear")
    assert not takes_columns(linear, compile_columns(linear), [])


def test_a_scorer_of_columns_that_says_otherwise_is_not_used() -> None:
    pipeline = fit("trees")
    score = compile_columns(pipeline)
    assert not takes_columns(pipeline, lambda rows: score(rows) + 0.001, make_rows(5))


def test_a_step_that_is_left_out_by_a_word_is_left_out() -> None:
    pipeline = fit("linear")
    pipeline.steps.insert(1, ("nothing", "passthrough"))
    assert takes_columns(pipeline, compile_columns(pipeline), make_rows(5))
