"""What columns add to a score adds up to it, exactly or as an estimate that says so."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline

from core.artifacts.artifact import Artifact
from core.domain.model_card import Card, GoldenRow
from core.features.encoder import RowEncoder
from core.training.data.rows import list_rows
from core.training.explain.contributions import (
    EXACT,
    SAMPLED,
    contribute,
    explain_row,
    share_contributions,
)
from core.training.recipe_registry import RECIPES
from tests.training.worlds import make_rows


def fit(pipeline: Any, n: int = 300) -> Artifact:
    rows = make_rows(n)
    pipeline.fit(rows.features, rows.target)
    golden = tuple(GoldenRow(row, None, 0.0) for row in list_rows(rows.features, np.arange(10)))
    card = Card("r", tuple(rows.features.columns), 0.0, 100.0, 5.0, None, golden, synthetic=False)
    return Artifact(pipeline, card)


def forest() -> Any:
    model = RandomForestRegressor(20, random_state=0, n_jobs=1)
    return Pipeline([("encode", RowEncoder()), ("model", model)])


PIPELINES: dict[str, Callable[[], Any]] = {
    "baseline": lambda: RECIPES["baseline"].build(0, {}),
    "advanced": lambda: RECIPES["advanced"].build(0, {"n_trees": 80}),
    "forest": forest,
}


@pytest.mark.parametrize("name", PIPELINES)
def test_the_base_and_the_columns_add_up_to_the_score_before_it_is_clipped(name: str) -> None:
    artifact = fit(PIPELINES[name]())
    asked = list_rows(make_rows(5, seed=2).features, np.arange(5))
    for row in [*asked, {}, {"size": 9.0, "lang": "cobol"}]:
        found = explain_row(artifact, row)
        score = float(artifact.pipeline.predict([row])[0])
        # sums of a few float64 numbers of the size of the scale
        assert found.base + sum(found.contributions.values()) == pytest.approx(score, abs=1e-6)
        assert found.score == score
        assert found.method == (SAMPLED if name == "forest" else EXACT)


@pytest.mark.parametrize("name", ["baseline", "advanced"])
def test_exact_values_have_one_base_for_all_rows(name: str) -> None:
    artifact = fit(PIPELINES[name]())
    asked = list_rows(make_rows(20, seed=3).features, np.arange(20))
    bases = [explain_row(artifact, row).base for row in asked]
    assert np.ptp(bases) < 1e-3  # XGBoost adds up in 32 bits: 1e-7 of 100 points a tree


@pytest.mark.parametrize("name", PIPELINES)
def test_a_column_that_moves_the_score_gets_its_points(name: str) -> None:
    artifact = fit(PIPELINES[name]())
    row = {"size": 2.0, "lang": "py", "other": 0.0, "third": 25.0}
    found = explain_row(artifact, row)
    assert next(iter(found.contributions)) == "size"
    assert found.contributions["size"] == pytest.approx(20.0, abs=6.0)  # 10 points a unit
    assert abs(found.contributions.get("other", 0.0)) < 3.0  # or not selected at all


def test_lines_have_the_values_of_the_closed_form() -> None:
    artifact = fit(PIPELINES["baseline"]())
    rows = make_rows(4, seed=5).features.assign(lang="py")
    found = contribute(artifact.pipeline, rows, 100.0)
    assert found is not None
    encode, scale, model = (step for _, step in artifact.pipeline.steps)
    matrix = encode.transform(rows)
    place = encode.get_source_names().index("third")
    slope = model.coef_[place] / scale.scale_[place]
    assert found["third"] == pytest.approx((matrix[:, place] - scale.mean_[place]) * slope)


def test_a_step_that_mixes_columns_is_not_explained_exactly() -> None:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge

    pipeline = Pipeline([("encode", RowEncoder()), ("mix", PCA(2)), ("model", Ridge())])
    artifact = fit(pipeline)
    assert contribute(artifact.pipeline, make_rows(3).features, 100.0) is None
    assert explain_row(artifact, {"size": 1.0}).method == SAMPLED


def test_shares_of_nothing_are_zero() -> None:
    assert share_contributions({"a": np.zeros(3)}) == {"a": 0.0}
