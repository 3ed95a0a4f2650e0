"""Formulas: columns made of others, the same arithmetic for one row and for many."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain.dataset import AT
from core.domain.sample import CSAT, NAN, SEEN_AT, WEIGHTS

Number = TypeVar("Number", float, NDArray[np.float64])
"""The value of one row, or those of all; nan is missing."""


@dataclass(frozen=True, slots=True)
class Formula:
    """`compute` takes the inputs in their order: a float each, or an array each of shape
    (n_rows,); it returns the same. Where an input is missing, so is what it returns."""

    column: str
    feature: str  # its name among the nineteen; hour and weekday are two columns each
    inputs: tuple[str, ...]  # base features, or keys that a raw row carries
    compute: Callable[..., "float | NDArray[np.float64]"]


def divide(above: Number, below: Number) -> Number:
    """The ratio; missing where one of them is, and where the lower is zero.

    >>> divide(6.0, 3.0), divide(6.0, 0.0)
    (2.0, nan)
    >>> divide(np.array([6.0, 6.0, np.nan]), np.array([3.0, 0.0, 1.0]))
    array([ 2., nan, nan])
    """
    if isinstance(below, float):
        return above / below if below else NAN
    ratio = np.full(len(below), NAN)
    with np.errstate(over="ignore"):
        np.divide(above, below, out=ratio, where=below != 0.0)
    return ratio


def pick(table: Sequence[float], place: Number) -> Number:
    """The entry of a table at each place; missing where the place is.

    >>> pick((0.5, 0.7), 1.0), pick((0.5, 0.7), NAN)
    (0.7, nan)
    >>> pick((0.5, 0.7), np.array([1.0, np.nan]))
    array([0.7, nan])
    """
    if isinstance(place, float):
        return table[int(place)] if place == place else NAN
    known = ~np.isnan(place)
    entries = np.full(len(place), NAN)
    entries[known] = np.asarray(table)[place[known].astype(np.int64)]
    return entries


def weigh(
    quality: Number,
    coverage: Number,
    security: Number,
    performance: Number,
    maintainability: Number,
    complexity: Number,
) -> Number:
    """The weighted quality score, 0..100: .25 quality + .20 coverage + .20 security + .15
    performance + .15 maintainability + .05 (100 - complexity), by `core.domain.sample.WEIGHTS`.

    >>> round(weigh(80.0, 60.0, 70.0, 90.0, 50.0, 40.0), 9)
    70.0
    """
    return (
        WEIGHTS["codeQuality"] * quality
        + WEIGHTS["testCoverage"] * coverage
        + WEIGHTS["security"] * security
        + WEIGHTS["performance"] * performance
        + WEIGHTS["maintainability"] * maintainability
        + WEIGHTS["complexity"] * (100.0 - complexity)
    )


def average_health(
    coverage: Number, security: Number, performance: Number, maintainability: Number
) -> Number:
    """The plain mean, 0..100, of the four metrics that say how the work will live on.

    >>> average_health(60.0, 70.0, 90.0, 50.0)
    67.5
    """
    return (coverage + security + performance + maintainability) / 4.0


def gap(security: Number, performance: Number) -> Number:
    """|security - performance|, 0..100: how one-sided the work is.

    >>> gap(70.0, 90.0)
    20.0
    """
    return abs(security - performance)


def multiply(quality: Number, csat: Number) -> Number:
    """quality x csat, 0..100: quality that its users also noticed. csat is read as the row brings
    it. Where it is only known after the work was rated, it gives the target away in training and
    is missing in serving: the data checks warn of such a column, and leaving csat out leaves this
    feature out too.

    >>> multiply(80.0, 0.5)
    40.0
    """
    return quality * csat


DERIVED_FORMULAS = (
    Formula("weighted_quality", "weighted_quality", tuple(WEIGHTS), weigh),
    Formula(
        "health_mean",
        "health_mean",
        ("testCoverage", "security", "performance", "maintainability"),
        average_health,
    ),
    Formula(
        "quality_per_complexity", "quality_per_complexity", ("codeQuality", "complexity"), divide
    ),
    Formula(
        "coverage_per_complexity", "coverage_per_complexity", ("testCoverage", "complexity"), divide
    ),
    Formula(
        "security_performance_gap", "security_performance_gap", ("security", "performance"), gap
    ),
    Formula("quality_times_csat", "quality_times_csat", ("codeQuality", CSAT), multiply),
)


RECENCY_DAYS = 30.0

_HOURS = tuple(2.0 * math.pi * hour / 24.0 for hour in range(24))
_WEEKDAYS = tuple(2.0 * math.pi * day / 7.0 for day in range(7))
_HOUR_SIN, _HOUR_COS = tuple(map(math.sin, _HOURS)), tuple(map(math.cos, _HOURS))
_WEEKDAY_SIN, _WEEKDAY_COS = tuple(map(math.sin, _WEEKDAYS)), tuple(map(math.cos, _WEEKDAYS))
_HOUR_SECONDS, _DAY_SECONDS = 3_600.0, 86_400.0
_FIRST_WEEKDAY = 3.0  # 1970-01-01 was a Thursday; Monday is 0


def find_hour(at: Number) -> Number:
    """The hour of the day, 0..23.

    >>> find_hour(1772452800.0)  # 2026-03-02 12:00, a Monday
    12.0
    """
    return at // _HOUR_SECONDS % 24.0


def find_weekday(at: Number) -> Number:
    """The day of the week, 0 (Monday) .. 6.

    >>> find_weekday(1772452800.0)
    0.0
    """
    return (at // _DAY_SECONDS + _FIRST_WEEKDAY) % 7.0


def hour_sin(at: Number) -> Number:
    """sin(2 pi hour / 24).

    >>> hour_sin(21600.0)  # 6 o'clock
    1.0
    """
    return pick(_HOUR_SIN, find_hour(at))


def hour_cos(at: Number) -> Number:
    """cos(2 pi hour / 24).

    >>> hour_cos(43200.0)
    -1.0
    """
    return pick(_HOUR_COS, find_hour(at))


def weekday_sin(at: Number) -> Number:
    """sin(2 pi weekday / 7).

    >>> weekday_sin(1772452800.0)
    0.0
    """
    return pick(_WEEKDAY_SIN, find_weekday(at))


def weekday_cos(at: Number) -> Number:
    """cos(2 pi weekday / 7).

    >>> weekday_cos(1772452800.0)
    1.0
    """
    return pick(_WEEKDAY_COS, find_weekday(at))


def measure_recency(at: Number, seen_at: Number) -> Number:
    """exp(-d / 30), above 0 up to 1, with d the days from the newest work of the row's provider
    and model that was known at scoring time to that time: 1 is a moment ago, 0.37 a month.

    It is measured from what was known when the row is scored, and not from today: then all
    training rows would be old and every request new, and the feature would say which is which.

    >>> measure_recency(30.0 * 86400.0, 0.0) == math.exp(-1.0)
    True
    """
    days = (at - seen_at) / _DAY_SECONDS
    if isinstance(days, float):
        return math.exp(-max(days, 0.0) / RECENCY_DAYS)  # max(nan, 0) is nan, as with numpy
    return np.exp(-np.maximum(days, 0.0) / RECENCY_DAYS)


TEMPORAL_FORMULAS = (
    Formula("hour_sin", "hour", (AT,), hour_sin),
    Formula("hour_cos", "hour", (AT,), hour_cos),
    Formula("weekday_sin", "weekday", (AT,), weekday_sin),
    Formula("weekday_cos", "weekday", (AT,), weekday_cos),
    Formula("recency", "recency", (AT, SEEN_AT), measure_recency),
)
