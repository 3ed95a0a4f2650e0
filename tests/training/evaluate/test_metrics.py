"""Figures rest on what is independent, and every one is of the holdout."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.domain.history import RecentLabels
from core.errors import Refused
from core.serving.fallback import choose_guess
from core.settings import Scale
from core.training.evaluate.metrics import (
    Blocks,
    choose_blocks,
    compare_scores,
    evaluate_guesses,
    evaluate_scores,
    make_guesses,
    mean_of_level,
    select_blocks,
    weigh_rows,
)
from tests.training.worlds import make_rows

DAY = 86_400.0
RNG = np.random.default_rng(1)
ACTUAL = RNG.uniform(0, 100, 100)
ROWS = Blocks(np.arange(100), 100, 1, "100 rows")


def test_rows_of_one_day_are_one_block() -> None:
    blocks = choose_blocks(np.repeat(np.arange(20), 5) * DAY + 3600, None, 100)
    assert blocks.n == 20
    assert blocks.words == "20 days, in runs of 3"
    assert blocks.index.tolist() == np.repeat(np.arange(20), 5).tolist()


def test_rows_of_one_group_are_one_block() -> None:
    blocks = choose_blocks(None, np.repeat(np.arange(25), 4), 100)
    assert (blocks.n, blocks.run, blocks.words) == (25, 1, "25 groups")


def test_of_days_and_groups_the_fewer_count() -> None:
    at, group = np.repeat(np.arange(50), 2) * DAY, np.repeat(np.arange(20), 5)
    assert choose_blocks(at, group, 100).words == "20 groups"
    assert choose_blocks(at[::-1], np.arange(100), 100).words == "50 days, in runs of 4"


def test_one_day_or_group_leaves_single_rows() -> None:
    assert choose_blocks(np.zeros(100), None, 100).words == "100 rows"
    assert choose_blocks(None, np.zeros(100, dtype=np.int64), 100).words == "100 rows"


@pytest.mark.parametrize("n_days", [2, 3, 5, 9, 14])
def test_limits_by_days_hold_the_truth_where_errors_of_a_day_are_alike(n_days: int) -> None:
    """300 holdouts; 95 % less three standard errors."""
    rng = np.random.default_rng(n_days)
    scales, held = np.linspace(0.5, 1.5, 101), 0
    for _ in range(300):
        day = np.repeat(np.arange(n_days), rng.integers(15, 46, n_days))
        error = 4 * rng.choice(scales, n_days)[day] * rng.standard_normal(len(day))
        actual = 60 + 10 * rng.standard_normal(len(day))
        blocks = choose_blocks(day * DAY, None, len(day))
        mae = evaluate_scores(
            actual, actual + error, {"mean": 60.0}, None, tolerance=5.0, blocks=blocks
        ).metrics.mae
        held += mae.low <= 4 * np.sqrt(2 / np.pi) <= mae.high
    assert held / 300 >= 0.91


def test_blocks_of_some_rows_are_numbered_anew() -> None:
    blocks = choose_blocks(None, np.repeat(np.arange(25), 4), 100)
    picked = select_blocks(blocks, np.arange(100) >= 40)
    assert picked.n == 15
    assert picked.index.min() == 0
    assert picked.index.max() == 14


def test_a_perfect_model_has_no_error_and_full_skill() -> None:
    found = evaluate_scores(
        ACTUAL, ACTUAL, {"mean": 50.0}, np.full(len(ACTUAL), 1.0), tolerance=5, blocks=ROWS
    )
    assert found.metrics.mae.value == 0.0
    assert found.metrics.accuracy.value == 1.0
    assert found.metrics.skill is not None
    assert found.metrics.skill.value == 1.0
    assert found.coverage is not None
    assert found.coverage.value == 1.0


def test_coverage_is_the_share_of_rows_inside_the_interval() -> None:
    scores = ACTUAL + np.where(np.arange(100) < 30, 3.0, 1.0)
    found = evaluate_scores(
        ACTUAL, scores, {"mean": 50.0}, np.full(len(ACTUAL), 2.0), tolerance=5, blocks=ROWS
    )
    assert found.coverage is not None
    assert found.coverage.value == 0.7
    none = evaluate_scores(ACTUAL, scores, {"mean": 50.0}, None, tolerance=5, blocks=ROWS)
    assert none.coverage is None


def test_guesses_are_measured_on_the_same_rows() -> None:
    found = evaluate_guesses(np.array([0.0, 10.0]), {"mean": 5.0, "median": 0.0}, tolerance=5.0)
    assert found["mean"].mae == 5.0
    assert found["mean"].accuracy == 1.0
    assert found["median"].rmse == pytest.approx(50**0.5)


def test_improvement_is_the_old_error_minus_the_new() -> None:
    before, improvement, lowest = compare_scores(ACTUAL, ACTUAL + 3, ACTUAL - 1, blocks=ROWS)
    assert before is not None
    assert improvement is not None
    assert before.value == pytest.approx(3.0)
    assert improvement.value == pytest.approx(2.0)
    assert lowest == pytest.approx(2.0)  # every pair says the same


def test_the_gate_asks_for_more_than_the_interval_that_is_shown() -> None:
    old = ACTUAL + RNG.normal(0, 5, 100)
    _, improvement, lowest = compare_scores(ACTUAL, old, ACTUAL, blocks=ROWS, alpha=0.004)
    assert improvement is not None
    assert lowest is not None
    assert lowest < improvement.low


def test_a_holdout_of_one_row_is_refused() -> None:
    with pytest.raises(Refused, match="single row"):
        evaluate_scores(
            ACTUAL[:1],
            ACTUAL[:1],
            {"mean": 50.0},
            None,
            tolerance=5,
            blocks=Blocks(np.zeros(1, dtype=np.int64), 1, 1, "1 row"),
        )


SCALE = Scale(0, 100)
KINDS = {"size": "numeric", "lang": "category"}


def test_the_category_that_says_the_most_is_guessed_from() -> None:
    train, holdout = make_rows(300, strength=10.0), make_rows(100, seed=2, strength=10.0)
    noise = np.random.default_rng(1).choice(["x", "y"], 300).tolist()
    train = replace(train, features=train.features.assign(noise=noise))
    guesses, column = make_guesses(
        train, holdout, {"noise": "category", **KINDS}, by_time=False, scale=SCALE
    )
    assert column == "lang"
    by_level = guesses["category_mean"]
    assert isinstance(by_level, np.ndarray)
    python = (holdout.features["lang"] == "py").to_numpy()
    expected = train.target[(train.features["lang"] == "py").to_numpy()].mean()
    assert by_level[python] == pytest.approx(expected)


def test_a_rare_or_unseen_level_gets_the_mean_of_all() -> None:
    target = np.array([10.0] * 6 + [90.0] * 2)
    assert mean_of_level(["a"] * 6 + ["b"] * 2, target, ["a", "b", "c", None]).tolist() == [
        10.0,
        30.0,
        30.0,
        30.0,
    ]


def test_rows_without_categories_or_base_metrics_have_neither_guess() -> None:
    rows = make_rows(50)
    guesses, column = make_guesses(rows, rows, {"size": "numeric"}, by_time=False, scale=SCALE)
    assert column is None
    assert set(guesses) == {"mean", "median"}


def test_the_heuristic_scores_a_row_as_the_api_does() -> None:
    rows = [
        {"codeQuality": 80.0, "complexity": 30.0},
        {"code_quality": 55.0, "security": 240.0},
        {"test_coverage": 60.0, "performance": None},
        {"wind": 3.0},
    ]
    scale = Scale(0, 10)
    expected = [choose_guess(row, RecentLabels(), scale).score for row in rows]
    found = weigh_rows(pd.DataFrame(rows), scale)
    assert found[:3].tolist() == pytest.approx(expected[:3])
    assert expected[3] is None
    assert np.isnan(found[3])
