"""A compiled pipeline scores as the pipeline does, or the pipeline serves and says why."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures

from core.artifacts.artifact import LARGEST_DIFFERENCE, Artifact, build_edge_rows, check_scorer
from core.artifacts.scorer import CompiledScorer, PipelineScorer, compile_pipeline
from core.domain.model_card import Card, GoldenRow
from core.features.encoder import RowEncoder
from core.training.models.trees import BoostedTrees
from core.training.recipe_registry import RECIPES

CARD = Card("r", ("size", "lang", "tests"), 0.0, 100.0, 5.0, None, (), False)


def make_rows(n: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    return [
        {
            "size": None if i % 10 == 0 else float(rng.uniform(0, 50)),
            "lang": ["py", "go", "js", None][i % 4],
            "tests": float(rng.integers(0, 9)),
        }
        for i in range(n)
    ]


ROWS = make_rows(150)
TARGET = np.array([30 + (row["size"] or 20) + 2 * row["tests"] for row in ROWS])


def chain(*steps: Any) -> Pipeline:
    return Pipeline([(f"step{i}", step) for i, step in enumerate(steps)])


def fit(*steps: Any) -> Pipeline:
    return chain(*steps).fit(ROWS, TARGET)


UNFITTED: Mapping[str, Pipeline] = {
    **{name: RECIPES[name].build(1, {}) for name in ("baseline", "advanced")},
    "forest": chain(RowEncoder(), RandomForestRegressor(30, random_state=1)),
    "histogram": chain(RowEncoder(impute=False), HistGradientBoostingRegressor(max_iter=30)),
    "selector": chain(RowEncoder(), SelectKBest(f_regression, k=3), BoostedTrees(n_trees=20)),
    "pinball": chain(RowEncoder(impute=False), BoostedTrees(n_trees=20, objective="absolute")),
}


@pytest.fixture(scope="module")
def fitted() -> Mapping[str, Pipeline]:
    return {name: pipeline.fit(ROWS, TARGET) for name, pipeline in UNFITTED.items()}


@pytest.mark.parametrize("name", UNFITTED)
def test_a_compiled_pipeline_scores_every_row_as_the_pipeline_does(
    name: str, fitted: Mapping[str, Pipeline]
) -> None:
    pipeline = fitted[name]
    scorer = compile_pipeline(pipeline)
    assert isinstance(scorer, CompiledScorer)
    rows = [*ROWS, *build_edge_rows(ROWS, CARD.features), {}]
    check = check_scorer(pipeline, scorer, CARD, rows)
    assert check.why == ""
    assert check.n_rows > len(rows) - 10  # all but what scikit-learn refuses
    assert check.largest_difference is not None
    assert check.largest_difference <= LARGEST_DIFFERENCE


def test_boosted_trees_give_the_same_bits_however_many_they_are() -> None:
    pipeline = fit(RowEncoder(impute=False), BoostedTrees(n_trees=600, learning_rate=0.02))
    scorer = compile_pipeline(pipeline)
    assert [scorer.score_row(row) for row in ROWS[:40]] == pipeline.predict(ROWS[:40]).tolist()


def test_many_rows_score_as_each_of_them_alone(fitted: Mapping[str, Pipeline]) -> None:
    scorer = compile_pipeline(fitted["advanced"])
    alone = [scorer.score_row(row) for row in ROWS]
    assert scorer.score_rows(ROWS).tolist() == pytest.approx(alone, abs=LARGEST_DIFFERENCE)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([KNeighborsRegressor()], "its model KNeighborsRegressor has no"),
        ([PolynomialFeatures(), BoostedTrees(n_trees=2)], "its step 'step1' has no"),
        (
            [BoostedTrees(n_trees=2, objective="count:poisson")],
            "no row scorer for gbtree with count:poisson",
        ),
    ],
)
def test_what_cannot_be_compiled_serves_from_the_pipeline_and_says_why(
    steps: list[Any], why: str
) -> None:
    pipeline = fit(RowEncoder(), *steps)
    scorer = compile_pipeline(pipeline)
    assert isinstance(scorer, PipelineScorer)
    assert why in scorer.why
    assert scorer.score_row(ROWS[1]) == pipeline.predict(ROWS[1:2])[0]
    assert check_scorer(pipeline, scorer, CARD, ROWS).why == scorer.why


class Shifted(BoostedTrees):
    """Trees whose function of a row is wrong by `shift` points."""

    shift = 0.0

    def compile_row(self) -> Any:
        score, shift = super().compile_row(), self.shift
        return lambda values: score(values) + shift


@pytest.mark.parametrize(("shift", "compiled"), [(5e-5, True), (5e-4, False)])
def test_a_scorer_that_is_too_far_off_is_not_used(shift: float, compiled: bool) -> None:
    model = Shifted(n_trees=5)
    model.shift = shift
    pipeline = fit(RowEncoder(), model)
    golden = tuple(GoldenRow(row, None, 0.0) for row in ROWS[:3])
    artifact = Artifact(pipeline, Card("r", CARD.features, 0.0, 100.0, 5.0, None, golden, False))
    assert isinstance(artifact.scorer, CompiledScorer if compiled else PipelineScorer)
    if not compiled:
        assert artifact.scorer.why == "the compiled scorer is up to 0.0005 points from the pipeline"


def test_a_served_score_is_clipped_and_never_no_number(fitted: Mapping[str, Pipeline]) -> None:
    artifact = Artifact(fitted["baseline"], CARD)
    assert artifact.score_row({"size": 1e6}) == 100.0
    assert artifact.score_rows([{"size": -1e6}, {"size": 1e6}]) == [0.0, 100.0]
    broken = fit(RowEncoder(), BoostedTrees(n_trees=1))
    artifact = Artifact(broken, CARD)
    artifact.__dict__["scorer"] = CompiledScorer([lambda row: row], lambda _: float("nan"), None)
    with pytest.raises(ValueError, match="not a finite number"):
        artifact.score_row({})
