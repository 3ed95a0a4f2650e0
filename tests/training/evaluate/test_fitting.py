"""A recipe is chosen, judged and fitted on the training rows alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import Pipeline

from core.errors import Cancelled, Refused
from core.settings import Scale
from core.training.data.rows import Rows
from core.training.evaluate.cross_validation import claim_at_random
from core.training.evaluate.fit_and_evaluate import check_groups
from core.training.evaluate.fitting import fit_recipe
from core.training.models.recipe import Recipe, Search
from core.training.plan import PICK, SCORE, TrainingPlan
from core.training.recipe_registry import RECIPES
from tests.training.worlds import make_rows

SCALE = Scale(0, 100)


class Mean(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """A recipe of a team's own that knows nothing of weights, encoders or objectives."""

    def fit(self, rows: object, target: np.ndarray) -> "Mean":
        self.mean_ = float(np.mean(target))
        return self

    def predict(self, rows: list[object]) -> np.ndarray:
        return np.full(len(rows), self.mean_)


def quiet(share: float, message: str) -> None:
    assert 0 <= share <= 1
    assert message


@pytest.mark.parametrize(
    "recipe",
    [
        "baseline",
        pytest.param("advanced", marks=pytest.mark.slow),
    ],
)
def test_a_recipe_comes_near_the_noise_that_nobody_can_predict(
    recipe: str, request: pytest.FixtureRequest
) -> None:
    if recipe == "advanced":
        request.getfixturevalue("whole_grid")
    rows = make_rows(600, noise=4.0)
    fitted = fit_recipe(RECIPES[recipe], rows, by_time=False, scale=SCALE, seed=0, progress=quiet)
    best = 4.0 * (2 / np.pi) ** 0.5  # MAE of the noise; 5 % of the sizes are missing
    assert best < fitted.cv["mae"]["mean"] < 1.45 * best
    assert fitted.cv["mae"]["std"] < 1.0
    # 90 % of Gaussian noise lies within 1.645 standard deviations
    assert fitted.half_width == pytest.approx(1.645 * 4.0, rel=0.35)


@pytest.mark.slow
def test_the_number_of_trees_is_chosen_by_folds() -> None:
    noise = make_rows(300, strength=0.0)
    bent = replace(noise, target=50 + 10 * np.abs(noise.features["third"].to_numpy() - 25))
    found = [
        fit_recipe(
            RECIPES["advanced"], rows, by_time=False, scale=SCALE, seed=0, progress=quiet
        ).search
        for rows in (bent, noise)
    ]
    assert found[0].n_folds == 5
    assert found[0].parameters["n_trees"] > 100
    assert found[1].parameters["n_trees"] < 40


def test_few_rows_have_no_folds_and_no_interval() -> None:
    fitted = fit_recipe(
        RECIPES["advanced"], make_rows(15), by_time=False, scale=SCALE, seed=0, progress=quiet
    )
    assert fitted.cv == {}
    assert fitted.half_width is None
    assert fitted.search == Search()


def test_ordered_rows_take_the_interval_from_the_newest_folds() -> None:
    rows = make_rows(600, noise=0.5)
    wild = np.arange(600) < 300
    target = np.where(wild, rows.target + np.random.default_rng(1).normal(0, 30, 600), rows.target)
    by_time, mixed = (
        fit_recipe(
            RECIPES["baseline"],
            replace(rows, target=target),
            by_time=by_time,
            scale=SCALE,
            seed=0,
            progress=quiet,
        )
        for by_time in (True, False)
    )
    assert by_time.half_width is not None
    assert mixed.half_width is not None
    assert by_time.half_width < 0.5 * mixed.half_width


def test_useless_columns_are_named() -> None:
    rows = make_rows(100)
    rows = replace(
        rows, features=rows.features.assign(same="x", name=[f"n{i}" for i in range(100)])
    )
    fitted = fit_recipe(
        RECIPES["baseline"], rows, by_time=False, scale=SCALE, seed=0, progress=quiet
    )
    assert set(fitted.kinds) == {"size", "lang", "other", "third"}
    assert fitted.dropped == {
        "same": "constant",
        "name": "a category of 100 levels, none in 5 rows",
    }


def test_rows_that_a_recipe_cannot_learn_from_are_refused_with_a_sentence() -> None:
    rows = make_rows(40)
    rows = replace(rows, features=rows.features[["size"]].assign(size=1.0))
    with pytest.raises(Refused, match=r"'baseline' cannot learn.*size is constant"):
        fit_recipe(RECIPES["baseline"], rows, by_time=False, scale=SCALE, seed=0, progress=quiet)


def test_training_stops_where_progress_says_so() -> None:
    def stop(share: float, message: str) -> None:
        if share > 0.3:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        fit_recipe(
            RECIPES["advanced"], make_rows(200), by_time=False, scale=SCALE, seed=0, progress=stop
        )


def test_a_recipe_without_the_encoder_uses_every_column() -> None:
    own = Recipe("own", "A mean.", lambda seed, parameters: Pipeline([("model", Mean())]))
    fitted = fit_recipe(own, make_rows(60), by_time=False, scale=SCALE, seed=0, progress=quiet)
    assert set(fitted.kinds) == {"size", "lang", "other", "third"}


@pytest.mark.slow  # statistics
def test_a_random_split_claims_less_error_where_groups_repeat() -> None:
    rng = np.random.default_rng(1)
    rows = make_rows(400, strength=0.0)
    group = np.repeat(np.arange(40), 10)
    level = rng.normal(0, 15, 40)[group]
    rows = replace(
        rows,
        features=rows.features.assign(group_mark=rng.normal(size=40)[group]),
        target=np.clip(55 + level, 0, 100),
        together=group,
    )
    advanced = RECIPES["advanced"]
    fitted = fit_recipe(advanced, rows, by_time=False, scale=SCALE, seed=0, progress=quiet)
    claimed = claim_at_random(advanced, Search({"n_trees": 200}), rows, scale=SCALE, seed=0)
    assert claimed < 0.5 * fitted.cv["mae"]["mean"]


def make_requests(n: int, seed: int) -> Rows:
    """Requests whose difficulty explains most of the truth, with four candidates each that a small
    effect of `hint` tells apart."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n), 4)
    hard, hint = rng.normal(0, 20, n)[group], rng.normal(0, 1, 4 * n)
    return Rows(
        features=pd.DataFrame({"hard": hard, "hint": hint}),
        target=np.clip(50 + hard + 3 * hint + rng.normal(0, 1, 4 * n), 0, 100),
        at_seconds=np.full(4 * n, np.nan),
        group=group,
        together=group,
        synthetic=np.zeros(4 * n, dtype=bool),
    )


def test_a_search_for_the_purpose_to_pick_judges_within_the_groups() -> None:
    found = {
        purpose: fit_recipe(
            RECIPES["enhanced"],
            make_requests(60, 1),
            by_time=False,
            scale=Scale(0, 100),
            seed=0,
            progress=lambda share, message: None,
            plan=TrainingPlan(purpose=purpose),
        ).search
        for purpose in (SCORE, PICK)
    }
    assert found[PICK].loss is not None
    assert found[SCORE].loss is not None
    assert found[PICK].loss < found[SCORE].loss  # the error of the request itself does not count


@pytest.mark.parametrize("group", [None, np.arange(40)], ids=["no groups", "single rows"])
def test_learning_to_pick_needs_groups(group: np.ndarray | None) -> None:
    rows = replace(make_requests(10, 1), group=group)
    with pytest.raises(Refused, match="import the rows with a group column"):
        check_groups(rows)
