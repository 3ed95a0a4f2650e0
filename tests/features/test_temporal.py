"""Hour, weekday and recency by hand, in UTC, at the edges of a day and a week."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.features import formulas

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "hour", "weekday"),
    [
        (MONDAY, 0, 0),
        (MONDAY - timedelta(microseconds=1), 23, 6),
        (MONDAY + timedelta(hours=12, minutes=59), 12, 0),
        (datetime(1969, 12, 31, 23, 30, tzinfo=UTC), 23, 2),
    ],
)
def test_hours_and_weekdays_are_those_of_utc(at: datetime, hour: int, weekday: int) -> None:
    seconds = at.timestamp()
    assert (formulas.find_hour(seconds), formulas.find_weekday(seconds)) == (hour, weekday)
    many = np.array([seconds, math.nan])
    assert formulas.find_hour(many)[0] == hour
    assert formulas.hour_sin(many)[0] == math.sin(2 * math.pi * hour / 24)
    assert formulas.weekday_cos(many)[0] == math.cos(2 * math.pi * weekday / 7)
    assert np.isnan(formulas.hour_cos(many)[1])


def test_the_cycle_closes() -> None:
    def place(hour: int) -> tuple[float, float]:
        at = MONDAY.timestamp() + 3600.0 * hour
        return formulas.hour_sin(at), formulas.hour_cos(at)

    assert math.dist(place(23), place(0)) == pytest.approx(math.dist(place(0), place(1)))


def test_recency_falls_with_the_days_since_the_newest_known_work() -> None:
    at = MONDAY.timestamp()
    days = np.array([0.0, 30.0, 60.0, math.nan])
    recency = formulas.measure_recency(np.full(4, at), at - 86_400.0 * days)
    assert recency[:3].tolist() == pytest.approx([1.0, math.exp(-1.0), math.exp(-2.0)], abs=1e-12)
    assert np.isnan(recency[3])
    assert math.isnan(formulas.measure_recency(at, math.nan))
    assert formulas.measure_recency(at, at + 5.0) == 1.0
