"""Naive guesses are made of the training rows alone, and are judged on the holdout."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.domain.history import RecentLabels
from core.serving.fallback import choose_guess
from core.settings import Scale
from core.training.evaluate.naive_baselines import make_guesses, mean_of_level, weigh_rows
from tests.training.worlds import make_rows

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
