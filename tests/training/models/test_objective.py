"""A model aims at what was asked for: the mean, the median, or as much as possible in tolerance."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InvalidInput, Refused
from core.settings import Scale
from core.training.data.rows import Rows
from core.training.evaluate.fitting import Fitted, fit_recipe
from core.training.models.objective import (
    ABSOLUTE,
    OBJECTIVES,
    SQUARED,
    TOLERANCE,
    check_objective,
    densest_centre,
)
from core.training.models.recipe import Recipe
from core.training.plan import TrainingPlan
from core.training.recipe_registry import RECIPES
from tests.training.worlds import make_rows

N = 600


def without_signal(seed: int) -> Rows:
    """Columns that say nothing, and a target of which 45 % lie close to 85, the rest anywhere."""
    rng = np.random.default_rng(seed)
    dense = rng.random(N) < 0.45
    target = np.where(dense, rng.normal(85, 2.5, N), rng.uniform(0, 80, N))
    return replace(make_rows(N, seed), target=np.clip(target, 0, 100))


def fit(recipe: str, rows: Rows, objective: str) -> Fitted:
    return fit_recipe(
        RECIPES[recipe],
        rows,
        by_time=False,
        scale=Scale(0, 100),
        seed=0,
        progress=lambda share, message: None,
        plan=TrainingPlan(objective=objective),
        tolerance=5.0,
    )


def accuracy(fitted: Fitted, rows: Rows) -> float:
    scores = np.clip(fitted.pipeline.predict(rows.features), 0, 100)
    return float(np.mean(np.abs(scores - rows.target) <= 5))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["baseline", "advanced"])
def test_without_signal_the_tolerance_objective_reaches_the_best_constant(recipe: str) -> None:
    train, fresh = without_signal(1), without_signal(2)
    constant = densest_centre(train.target, 5.0)
    best = float(np.mean(np.abs(fresh.target - constant) <= 5))
    fitted = fit(recipe, train, TOLERANCE)
    error = (best * (1 - best) / N) ** 0.5
    assert accuracy(fitted, fresh) > best - error
    assert accuracy(fit(recipe, train, SQUARED), fresh) < best / 3  # which aims at the mean


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["baseline", "advanced"])
def test_the_absolute_objective_aims_at_the_median(recipe: str) -> None:
    train, fresh = without_signal(3), without_signal(4)
    scores = {o: fit(recipe, train, o).pipeline.predict(fresh.features) for o in OBJECTIVES}
    assert np.median(scores[ABSOLUTE]) == pytest.approx(np.median(train.target), abs=5)
    assert np.median(scores[SQUARED]) == pytest.approx(np.mean(train.target), abs=5)
    mae = {o: np.mean(np.abs(s - fresh.target)) for o, s in scores.items()}
    assert mae[ABSOLUTE] < mae[SQUARED]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["baseline", "advanced"])
def test_with_signal_every_objective_follows_it(recipe: str) -> None:
    train, fresh = make_rows(N, 5, noise=4.0), make_rows(N, 6, noise=4.0)
    for objective in OBJECTIVES:  # 79 % of a Gaussian lie within 1.25 standard deviations
        assert accuracy(fit(recipe, train, objective), fresh) > 0.7


def test_what_was_aimed_at_is_among_the_parameters() -> None:
    found = fit("baseline", make_rows(100), TOLERANCE).search.parameters
    assert (found["objective"], found["tolerance"]) == (TOLERANCE, 5.0)
    assert "objective" not in fit("baseline", make_rows(100), SQUARED).search.parameters


def test_a_recipe_that_cannot_aim_so_says_what_it_can() -> None:
    own = Recipe("own", "A mean.", lambda seed, parameters: None)
    with pytest.raises(Refused, match="'own' cannot aim at 'tolerance', only at squared"):
        fit_recipe(
            own,
            make_rows(50),
            by_time=False,
            scale=Scale(0, 100),
            seed=0,
            progress=lambda share, message: None,
            plan=TrainingPlan(objective=TOLERANCE),
        )


def test_an_unknown_objective_is_answered_with_those_that_exist() -> None:
    with pytest.raises(InvalidInput, match="'r2' is not an objective: choose squared, absolute"):
        check_objective("r2")
