"""The three temporal features: hour and weekday as cycles, and recency at scoring time.

Times are epoch seconds, hours and weekdays are UTC. A cycle is a point on a circle (a sine and a
cosine), so that 23 o'clock is as near to 0 as to 22."""

import math

import numpy as np

from core.domain.feature import SEEN_AT
from core.domain.snapshot import AT
from core.features.formula import Formula, Number, pick

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


FORMULAS = (
    Formula("hour_sin", "hour", (AT,), hour_sin),
    Formula("hour_cos", "hour", (AT,), hour_cos),
    Formula("weekday_sin", "weekday", (AT,), weekday_sin),
    Formula("weekday_cos", "weekday", (AT,), weekday_cos),
    Formula("recency", "recency", (AT, SEEN_AT), measure_recency),
)
