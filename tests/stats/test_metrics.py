"""Figures agree with scikit-learn, and their intervals with what repeated sampling shows."""

import numpy as np
import pytest
from sklearn import metrics as reference

from core.stats.metrics import accuracy, is_accurate, mae, measure_errors, rmse

RNG = np.random.default_rng(1)
ACTUAL = RNG.uniform(0, 100, 200)
PREDICTED = ACTUAL + RNG.normal(0, 8, 200)
ROWS = np.arange(200)


def test_errors_agree_with_scikit_learn() -> None:
    assert mae(ACTUAL, PREDICTED) == pytest.approx(
        reference.mean_absolute_error(ACTUAL, PREDICTED), abs=1e-12
    )
    assert rmse(ACTUAL, PREDICTED) == pytest.approx(
        reference.root_mean_squared_error(ACTUAL, PREDICTED), abs=1e-12
    )


def test_the_figures_with_limits_have_the_plain_figures_as_values() -> None:
    found = measure_errors(
        ACTUAL, PREDICTED, {"mean": 50.0, "median": 40.0}, tolerance=5.0, block=ROWS
    )
    assert found.mae is not None
    assert found.rmse is not None
    assert found.r2 is not None
    assert found.accuracy is not None
    assert found.skill is not None
    assert found.mae.value == pytest.approx(mae(ACTUAL, PREDICTED), abs=1e-12)
    assert found.rmse.value == pytest.approx(rmse(ACTUAL, PREDICTED), abs=1e-12)
    assert found.r2.value == pytest.approx(reference.r2_score(ACTUAL, PREDICTED), abs=1e-12)
    assert found.accuracy.value == accuracy(ACTUAL, PREDICTED, 5.0)
    assert found.skill.value == pytest.approx(
        1 - mae(ACTUAL, PREDICTED) / min(mae(ACTUAL, 50.0), mae(ACTUAL, 40.0)), abs=1e-12
    )
    for figure in (found.mae, found.rmse, found.r2, found.accuracy, found.skill):
        assert figure.low < figure.value < figure.high


def test_a_score_exactly_at_the_tolerance_is_accurate_despite_rounding() -> None:
    actual = np.array([0.3, 80.0, 80.0])
    predicted = np.array([0.1, 85.0, 75.0])
    assert is_accurate(actual, predicted, 0.2).tolist() == [True, False, False]
    assert is_accurate(actual, predicted, 5.0).tolist() == [True, True, True]
    assert not is_accurate(np.array([80.0]), np.array([85.001]), 5.0).any()


def test_r2_is_not_defined_where_the_target_does_not_vary() -> None:
    found = measure_errors(
        np.full(20, 7.1), np.linspace(6, 8, 20), {"mean": 7.0}, tolerance=1.0, block=ROWS[:20]
    )
    assert found.r2 is None
    assert found.mae is not None


def test_skill_is_not_defined_where_a_naive_guess_makes_no_error_or_there_is_none() -> None:
    constant = np.full(20, 7.0)
    for naive in ({"mean": 7.0}, {}):
        found = measure_errors(constant, constant, naive, tolerance=1.0, block=ROWS[:20])
        assert found.skill is None


def test_one_block_leaves_every_figure_without_limits() -> None:
    found = measure_errors(
        ACTUAL, PREDICTED, {"mean": 50.0}, tolerance=5.0, block=np.zeros(200, dtype=np.int64)
    )
    assert found.mae is None
    assert found.skill is None


@pytest.mark.slow
def test_the_skill_interval_of_a_useless_model_is_above_zero_in_under_5_percent() -> None:
    rng = np.random.default_rng(4)
    above = 0
    for _ in range(400):
        actual = rng.normal(50, 10, 120)
        useless = 50 + rng.normal(0, 1, 120)
        naive = {"mean": 50.0 + rng.normal(0, 0.5), "median": 50.0 + rng.normal(0, 0.5)}
        skill = measure_errors(
            actual,
            useless,
            naive,
            tolerance=5.0,
            block=np.arange(120),
        ).skill
        assert skill is not None
        above += skill.low > 0
    assert above / 400 < 0.05


def test_an_accuracy_of_one_still_has_a_lower_limit_below_one() -> None:
    found = measure_errors(ACTUAL[:40], ACTUAL[:40], {"mean": 50.0}, tolerance=5.0, block=ROWS[:40])
    assert found.accuracy is not None
    assert found.accuracy.value == found.accuracy.high == 1.0
    assert found.accuracy.low == pytest.approx(0.9124, abs=1e-4)  # Wilson, 40 of 40
