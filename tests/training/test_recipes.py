"""Every recipe learns, is saved without pickle, and serves a row as it scored it in training."""

from dataclasses import replace

import numpy as np
import pytest

from core.artifacts.scorer import CompiledScorer, compile_pipeline
from core.settings import Scale
from core.training.data.rows import Rows, list_rows
from core.training.evaluate.fitting import Fitted, fit_recipe
from core.training.evaluate.model_card import build_card
from core.training.plan import TrainingPlan
from core.training.recipe_registry import RECIPES
from tests.training.worlds import FakeTracking, make_rows

SCALE = Scale(0, 100)
RECENT = ("enhanced", pytest.param("ensemble", marks=pytest.mark.slow), "online")


def fit(recipe: str, rows: Rows, *, by_time: bool = False) -> Fitted:
    return fit_recipe(
        RECIPES[recipe],
        rows,
        by_time=by_time,
        scale=SCALE,
        seed=0,
        progress=lambda share, message: None,
        plan=TrainingPlan(window="all"),
    )


@pytest.mark.parametrize("recipe", RECENT)
def test_a_recipe_comes_near_the_noise_is_saved_and_serves_what_it_scored(
    recipe: str, registry: FakeTracking
) -> None:
    rows, fresh = make_rows(300, noise=4.0), make_rows(200, 2, noise=4.0)
    fitted = fit(recipe, rows)
    error = np.mean(np.abs(fitted.pipeline.predict(fresh.features) - fresh.target))
    assert error < 1.5 * 4.0 * (2 / np.pi) ** 0.5
    card = build_card(recipe, fitted, rows, fresh, scale=SCALE, tolerance=5.0, synthetic=False)
    assert card.scorer is not None
    assert card.scorer.why == ""
    registry.load_artifact(registry.save_artifact(fitted.pipeline, card)).verify_golden()
    scorer = compile_pipeline(fitted.pipeline)
    assert isinstance(scorer, CompiledScorer)
    sent = list_rows(fresh.features, np.arange(20))
    assert [scorer.score_row(row) for row in sent] == pytest.approx(
        fitted.pipeline.predict(sent), abs=1e-4
    )


@pytest.mark.slow
def test_enhanced_chooses_the_line_where_all_is_straight_and_trees_where_it_bends() -> None:
    rows = make_rows(400, strength=0.0, noise=1.0)
    other = rows.features["other"].to_numpy()
    straight, bent = (
        replace(rows, target=50 + 8 * of + np.random.default_rng(0).normal(0, 2, 400))
        for of in (other, np.abs(other))
    )
    assert fit("enhanced", straight).search.parameters["model"] == "line"
    assert fit("enhanced", bent).search.parameters["model"] == "trees"


@pytest.mark.slow
def test_the_ensemble_leans_on_the_model_that_errs_less() -> None:
    rows = make_rows(400, noise=1.0)
    assert fit("ensemble", rows).search.parameters["share"] <= 0.5


def test_online_forgets_where_the_relation_turns_and_remembers_where_it_stays() -> None:
    rows = make_rows(600, noise=2.0)
    size = rows.features["size"].fillna(0.0).to_numpy()
    turning = replace(rows, target=50 + size * np.linspace(10, -10, 600))
    rows = replace(rows, features=rows.features.assign(size=size))
    steady = replace(rows, target=50 + 10 * size + np.random.default_rng(0).normal(0, 4, 600))
    assert fit("online", turning, by_time=True).search.parameters["forgetting"] < 0.999
    assert fit("online", steady, by_time=True).search.parameters["forgetting"] >= 0.998


@pytest.mark.parametrize(
    "recipe",
    [*(pytest.param(name, marks=pytest.mark.slow) for name in ("advanced", "ensemble")),
     "enhanced", "online"],
)  # fmt: skip
def test_a_search_keeps_what_it_tried_with_its_losses(recipe: str) -> None:
    search = fit(recipe, make_rows(300, noise=1.0)).search
    assert min(attempt.loss for attempt in search.attempts) == pytest.approx(search.loss, abs=1e-5)
    assert {attempt.n_folds for attempt in search.attempts} == {search.n_folds}
    assert all(attempt.parameters for attempt in search.attempts)
