"""The figures of labelled predictions, by hand and against the same figures from the rows."""

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from core.domain.monitoring import HOUR, Observation, Rollup
from core.domain.prediction import AnswerSource
from core.domain.training_report import Naive
from core.monitoring.measure.performance import (
    Figures,
    choose_naive,
    summarize_outcomes,
    summarize_performance,
)
from core.monitoring.measure.rollups import build_longer, build_minutes, merge_outcomes
from core.settings import Scale
from core.stats.metrics import accuracy, mae, rmse
from tests.streams import DAY as A_DAY
from tests.streams import NOON, SCALE, TOLERANCE


def build(
    score: NDArray[np.float64],
    actual: NDArray[np.float64],
    step: timedelta = timedelta(minutes=10),
    version: int = 3,
) -> list[Rollup]:
    rows = [
        Observation(NOON + i * step, version, AnswerSource.MODEL, 1.0, float(s), float(a))
        for i, (s, a) in enumerate(zip(score, actual, strict=True))
    ]
    return build_longer(build_minutes(rows, scale=SCALE, tolerance=TOLERANCE), HOUR)


def summarize(rollups: list[Rollup], min_labels: int = 2) -> Figures:
    return summarize_outcomes(rollups, scale=SCALE, tolerance=TOLERANCE, min_labels=min_labels)


def test_the_figures_by_hand() -> None:
    found = summarize(build(np.array([12.0, 20.0, 54.0]), np.array([10.0, 20.0, 60.0])))
    assert found.accuracy is not None
    assert found.accuracy.value == 2 / 3
    assert found.mae is not None
    assert found.mae.value == pytest.approx(8 / 3)
    assert found.rmse is not None
    assert found.rmse.value == pytest.approx((40 / 3) ** 0.5)
    assert found.bias == pytest.approx(-4 / 3)
    assert found.naive is not None
    assert (found.naive.guess, found.naive.mae) == (20.0, pytest.approx(50 / 3))
    assert found.naive.rmse == pytest.approx((1_400 / 3) ** 0.5)  # of the mean, which is 30
    assert found.naive.accuracy == 2 / 3  # always 15: 10 and 20 are within 5
    assert found.skill is not None
    assert found.skill.value == pytest.approx(1 - 8 / 50)


def test_a_few_labels_give_no_figure_but_a_reason() -> None:
    rollups = build(np.full(29, 50.0), np.full(29, 50.0))
    found = summarize(rollups, min_labels=30)
    assert (found.accuracy, found.mae, found.rmse, found.skill) == (None, None, None, None)
    assert found.n_labelled == 29
    assert found.note == (
        "29 of 29 predictions have a label; 30 are needed before a figure means something."
    )
    assert summarize(rollups, min_labels=29).note is None


def test_no_labels_and_no_predictions_have_reasons_of_their_own() -> None:
    unlabelled = build_minutes(
        [Observation(NOON, 3, AnswerSource.MODEL, 1.0, 50.0, None)],
        scale=SCALE,
        tolerance=TOLERANCE,
    )
    assert summarize(unlabelled).note == "None of 1 predictions has a label yet; 2 are needed."
    assert summarize([]).note == "No predictions in this window."
    assert summarize([]).coverage is None
    assert summarize(unlabelled).coverage == 0.0


def test_predictions_without_a_label_are_not_wrong() -> None:
    rows = [
        Observation(NOON, 3, AnswerSource.MODEL, 1.0, 50.0, 50.0 if i < 10 else None)
        for i in range(100)
    ]
    found = summarize(build_minutes(rows, scale=SCALE, tolerance=TOLERANCE))
    assert found.accuracy is not None
    assert found.accuracy.value == 1.0
    assert (found.n_predictions, found.n_labelled, found.coverage) == (100, 10, 0.1)


def test_no_error_at_all_still_leaves_doubt_about_the_accuracy() -> None:
    values = np.linspace(0, 100, 200)
    found = summarize(build(values, values))
    assert found.accuracy is not None
    assert found.accuracy.high == 1.0
    assert 0.97 < found.accuracy.low < 1.0
    assert found.mae is not None
    assert (found.mae.value, found.mae.low, found.mae.high) == (0.0, 0.0, 0.0)


def test_the_figures_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(3)
    actual = rng.uniform(0, 100, 500)
    score = np.clip(actual + rng.normal(1, 6, 500), 0, 100)
    found = summarize(build(score, actual))
    assert found.mae is not None
    assert found.rmse is not None
    assert found.mae.value == pytest.approx(mae(actual, score))
    assert found.rmse.value == pytest.approx(rmse(actual, score))
    assert found.mae.low < found.mae.value < found.mae.high


def test_the_naive_guess_beats_mean_and_median_of_any_rows() -> None:
    rng = np.random.default_rng(4)
    actual = np.round(rng.gamma(2, 12, 400).clip(0, 100), 2)
    outcomes = merge_outcomes(rollup.outcomes for rollup in build(actual, actual))
    found = choose_naive(outcomes, SCALE, TOLERANCE)
    exact = mae(actual, float(np.median(actual)))  # no constant has a smaller MAE
    assert exact <= found.mae <= exact + 0.01
    assert found.mae < mae(actual, float(np.mean(actual)))
    assert found.mae == pytest.approx(mae(actual, found.guess))


@pytest.mark.parametrize("tolerance", [5.0, 3.3, 0.5])
def test_naive_rmse_and_accuracy_are_those_of_the_best_constants(tolerance: float) -> None:
    rng = np.random.default_rng(9)
    for actual in (np.round(rng.normal(60, 15, 400).clip(0, 100)), rng.uniform(0, 100, 400)):
        outcomes = merge_outcomes(rollup.outcomes for rollup in build(actual, actual))
        found = choose_naive(outcomes, SCALE, tolerance)
        assert found.rmse == pytest.approx(float(np.std(actual)), abs=0.01)
        constants = np.linspace(0, 100, 201)
        best = max(accuracy(actual, guess, tolerance) for guess in constants)
        whole = tolerance % 0.5 == 0 or np.array_equal(actual, np.round(actual))
        slack = 0.0 if whole else 2 * float(np.histogram(actual, constants)[0].max()) / 400
        assert found.accuracy == pytest.approx(best, abs=slack + 1e-12)


def test_a_naive_guess_can_stand_at_either_end_of_the_scale() -> None:
    for end in (0.0, 100.0):
        outcomes = merge_outcomes(r.outcomes for r in build(np.full(5, 50.0), np.full(5, end)))
        found = choose_naive(outcomes, SCALE, TOLERANCE)
        assert found == Naive(end, 0.0, 0.0, 1.0)


def test_a_constant_model_has_no_skill() -> None:
    rng = np.random.default_rng(5)
    actual = rng.uniform(20, 80, 300)
    found = summarize(build(np.full(300, float(np.mean(actual))), actual))
    assert found.skill is not None
    assert -0.01 < found.skill.value <= 0.0
    assert found.skill.low < 0 <= found.skill.high + 0.01


def test_versions_and_steps_have_figures_of_their_own() -> None:
    good = build(np.full(60, 50.0), np.full(60, 51.0), version=1)
    bad = build(np.full(60, 50.0), np.full(60, 90.0), version=2)
    found = summarize_performance(
        [*good, *bad],
        NOON,
        NOON + A_DAY,
        tolerance=TOLERANCE,
        scale=SCALE,
        min_labels=6,
    )
    values = {number: figures.mae for number, figures in found.versions.items()}
    assert {n: None if e is None else e.value for n, e in values.items()} == {1: 1.0, 2: 40.0}
    assert found.model.mae is not None
    assert found.model.mae.value == 20.5
    assert len(found.series) == 24
    assert [point.figures.n_labelled for point in found.series][:11] == [12] * 10 + [0]
    assert found.series[20].figures.note == "No predictions in this window."


def test_a_scale_with_negative_numbers_has_a_naive_guess_too() -> None:
    rows = [
        Observation(NOON, 3, AnswerSource.MODEL, 1.0, 0.0, value) for value in (-0.5, -0.5, 0.5)
    ]
    scale = Scale(-1.0, 1.0)
    (minute,) = build_minutes(rows, scale=scale, tolerance=0.1)
    assert choose_naive(minute.outcomes, scale, 0.1).guess == -0.5
