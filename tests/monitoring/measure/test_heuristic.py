"""The error of the heuristic, with its interval by days."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.sample import Features
from core.monitoring.measure.heuristic import measure_heuristic
from core.settings import Scale

HUNDRED = Scale(0.0, 100.0)
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
Labelled = tuple[float, Features, datetime]


def repeat(actual: float, features: Features, n: int, *, days_ago: float = 0.0) -> list[Labelled]:
    return [(actual, features, MONDAY - timedelta(days=days_ago))] * n


def test_guesses_are_measured_on_labels_that_they_were_not_made_from() -> None:
    newer = [
        *repeat(60.0, {"language": "go"}, 5),
        *repeat(90.0, {"codeQuality": 80.0}, 5, days_ago=1),
    ]
    older = repeat(64.0, {"language": "go"}, 10, days_ago=9)
    found = measure_heuristic([*newer, *older], HUNDRED, 5.0)
    assert found is not None
    assert (found.n, found.n_days, found.n_by_metrics) == (10, 2, 5)
    assert (found.mae.value, found.accuracy.value) == (7.0, 0.5)


def test_a_thousand_labels_of_a_few_days_are_as_few_as_their_days() -> None:
    """Each day is right or wrong as a whole: five days of 200 say little, whatever a share of a
    thousand independent rows would claim (0.569 to 0.630)."""
    errors = (0.0, 10.0, 0.0, 10.0, 0.0)
    newer = [
        one
        for day, error in enumerate(errors)
        for one in repeat(60.0 + error, {"codeQuality": 60.0}, 200, days_ago=day)
    ]
    found = measure_heuristic([*newer, *repeat(1.0, {}, 1_000, days_ago=9)], HUNDRED, 5.0)
    assert found is not None
    assert found.accuracy.value == 0.6
    # five means of 0 and 1: standard error 0.2449, Student's t with 4 degrees of freedom 2.776
    assert (found.accuracy.low, found.accuracy.high) == (0.0, 1.0)
    assert (found.mae.low, found.mae.high) == (0.0, pytest.approx(4.0 + 2.776 * 2.449, abs=0.01))


def test_labels_of_one_day_have_no_interval() -> None:
    found = measure_heuristic(repeat(60.0, {"codeQuality": 64.0}, 40), HUNDRED, 5.0)
    assert found is not None
    assert (found.mae.value, found.mae.is_known, found.accuracy.is_known) == (4.0, False, False)


def test_an_accuracy_that_never_fails_is_as_wide_as_independent_rows_allow() -> None:
    rows = [
        one for day in range(10) for one in repeat(60.0, {"codeQuality": 60.0}, 2, days_ago=day)
    ]
    found = measure_heuristic(rows, HUNDRED, 5.0)
    assert found is not None
    assert (found.accuracy.low, found.accuracy.high) == (pytest.approx(0.722, abs=0.001), 1.0)


def test_without_labels_nothing_is_measured() -> None:
    assert measure_heuristic([], HUNDRED, 5.0) is None
    assert measure_heuristic(repeat(60.0, {"codeQuality": 60.0}, 1), HUNDRED, 5.0) is None
