"""How much of the past is learned from is chosen by what it would have brought, never by luck."""

import numpy as np
import pytest

from core.errors import InvalidInput, Refused
from core.settings import Scale
from core.training.data import training_window as window_module
from core.training.data.rows import Rows
from core.training.data.training_window import TrainingWindow, choose_window, parse_window
from core.training.evaluate.fitting import Fitted, fit_recipe
from core.training.models.recipe import Fold
from core.training.plan import TrainingPlan
from core.training.recipe_registry import RECIPES
from tests.training.worlds import make_rows

DAY = 86_400.0


def stream(n_days: int, seed: int, *, turning: float) -> Rows:
    """Four rows a day whose target follows `size` with a slope that turns by so much a year."""
    rows = make_rows(4 * n_days, seed, noise=3.0)
    at = np.repeat(np.arange(n_days), 4) * DAY + np.tile([0.0, 1.0, 2.0, 3.0], n_days)
    size = rows.features["size"].fillna(0.0).to_numpy()
    slope = 10 - turning * at / (365 * DAY)
    noise = np.random.default_rng(seed).normal(0, 3, len(at))
    target = np.clip(50 + slope * size + noise, 0, 100)
    return Rows(rows.features[["size", "other"]], target, at, None, rows.together, rows.synthetic)


def fit(rows: Rows, window: str = "auto", *, by_time: bool = True) -> Fitted:
    return fit_recipe(
        RECIPES["baseline"],
        rows,
        by_time=by_time,
        scale=Scale(0, 100),
        seed=0,
        progress=lambda share, message: None,
        plan=TrainingPlan(window=window),
    )


@pytest.mark.slow
def test_where_the_relation_turns_less_is_learned_from_and_it_is_said_why() -> None:
    rows = stream(700, 1, turning=15.0)
    past, future = rows.pick(np.arange(2400)), rows.pick(np.arange(2400, 2800))
    chosen, everything = fit(past), fit(past, "all")
    assert chosen.window.window != TrainingWindow()
    assert chosen.window.reason.startswith(chosen.window.window.words + ": MAE ")
    assert "on all history in the validation" in chosen.window.reason
    error = [
        np.mean(np.abs(f.pipeline.predict(future.features) - future.target))
        for f in (chosen, everything)
    ]
    assert error[0] < 0.75 * error[1]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]
)
def test_where_nothing_changes_all_history_stays(seed: int) -> None:
    found = fit(stream(500, seed, turning=0.0)).window
    assert found.window == TrainingWindow()
    assert "no window is shown to be better" in found.reason
    assert set(found.tried) > {"all history", "the last 91 days"}


def test_rows_of_the_window_are_all_that_is_learned_from() -> None:
    rows = stream(300, 1, turning=10.0)
    fitted = fit(rows, "91")
    assert fitted.window.reason == "the last 91 days, as asked for"
    assert len(fitted.inside) == 4 * 91
    same = fit(rows.pick(fitted.inside), "all")
    assert np.array_equal(
        same.pipeline.predict(rows.features), fitted.pipeline.predict(rows.features)
    )


def test_a_short_window_is_thinned_after_it_is_cut_out_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thinned before, a window of four weeks in a year would be judged by a thirteenth of the rows
    that it would really have."""
    monkeypatch.setattr(window_module, "MAX_ROWS", 300)
    seen: dict[TrainingWindow, int] = {}

    def loss(window: TrainingWindow, fold: Fold) -> float:
        seen[window] = max(seen.get(window, 0), len(fold[0]))
        return 1.0

    at = np.repeat(np.arange(400), 10) * DAY
    choose_window(at, np.arange(len(at)), loss, weights=False, progress=lambda share, message: None)
    assert seen[TrainingWindow(days=28)] == 280
    assert 200 < seen[TrainingWindow()] <= 300


def test_weights_halve_with_age_and_are_one_on_average() -> None:
    weight = TrainingWindow(half_life=10).weigh(np.array([0.0, 10.0, 20.0, np.nan]) * DAY)
    assert weight is not None
    assert weight.mean() == pytest.approx(1.0)
    assert weight[2] == pytest.approx(2 * weight[1]) == pytest.approx(4 * weight[0])
    assert weight[3] == weight[0]  # without a time: as old as the oldest


def test_weights_reach_the_model() -> None:
    rows = stream(400, 2, turning=20.0)
    slope = {
        window: fit(rows, window).pipeline.predict(rows.features.assign(size=[1.0] * 1600)).mean()
        for window in ("all", "half-life:28")
    }
    assert slope["half-life:28"] < slope["all"] - 2


def test_rows_without_times_have_no_window() -> None:
    assert fit(make_rows(200), by_time=False).window.reason == (
        "all rows, since no time orders them"
    )
    with pytest.raises(Refused, match="the last 91 days needs rows that are ordered by time"):
        fit(make_rows(200), "91", by_time=False)


@pytest.mark.parametrize("text", ["-5", "0", "half-life:", "a week", ""])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a training window: say auto, all"):
        parse_window(text)
