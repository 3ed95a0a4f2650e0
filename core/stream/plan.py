"""The layout of a replay: the target's scale, the label delay, windows and times; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from core.settings import Scale

TOLERANCE_SHARE = 0.05
"""The derived tolerance, as a share of the range of the training targets."""

_FITTING_SHARE = 0.2  # of a scale that the training targets have to span before it is theirs
_ROOM_ABOVE, _ROOM_BELOW = 4.0, 2.0  # ranges of the training targets, for streams that grow
_DAY = timedelta(days=1)
_DELAY = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}


class WindowKind(StrEnum):
    """The length of a window of the answer."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Measure:
    """The scale and the tolerance of a replay, and where they come from, as a sentence."""

    scale: Scale
    tolerance: float
    why: str


@dataclass(frozen=True, slots=True)
class StreamStep:
    """A step of the replay: serve the rows from `from_at` on up to `at`, or, without `from_at`,
    look at the window whose last label arrives at `at`."""

    at: datetime
    from_at: datetime | None
    window: int


def parse_delay(text: str) -> timedelta:
    """A label delay written as 7d, 12h, 30m, 2w or 0; raises `InvalidInput`.

    >>> parse_delay("12h"), parse_delay("0"), parse_delay("7d").days
    (datetime.timedelta(seconds=43200), datetime.timedelta(0), 7)
    """
    found = _DELAY.fullmatch(text.strip().lower())
    number, unit = (0.0, "") if found is None else (float(found[1]), found[2])
    if found is None or (not unit and number) or number * _UNITS.get(unit, 1) > 3_650 * 86_400:
        raise InvalidInput(
            f"'{text}' is not a label delay: write 7d, 12h, 30m, 2w or 0, up to ten years."
        )
    return timedelta(seconds=number * _UNITS.get(unit, 1))


def choose_measure(
    known: NDArray[np.float64], everything: NDArray[np.float64], scale: Scale, tolerance: float
) -> Measure:
    """The settings' scale and tolerance where they are the target's: every target lies on the
    scale, and those that are `known` when the training begins span a fifth of it. Otherwise a
    scale around the known targets, wide enough for a stream that grows, and a tolerance of 5 % of
    their range.

    >>> choose_measure(np.array([10.0, 90.0]), np.array([10.0, 90.0]), Scale(0, 100), 5.0).why
    'scale 0:100 and tolerance 5, as set: the target fits them.'
    >>> made = choose_measure(np.array([200.0, 700.0]), np.array([900.0]), Scale(0, 100), 5.0)
    >>> made.scale, made.tolerance
    (Scale(low=0.0, high=2700.0), 25.0)
    """
    low, high = float(known.min()), float(known.max())
    spread = high - low
    fits = scale.low <= everything.min() and everything.max() <= scale.high
    if fits and spread >= _FITTING_SHARE * (scale.high - scale.low):
        return Measure(
            scale,
            tolerance,
            f"scale {_write(scale)} and tolerance {tolerance:g}, as set: the target fits them.",
        )
    spread = spread or max(abs(high), 1.0)
    bottom = low - _ROOM_BELOW * spread
    wide = Scale(0.0 if low >= 0 else _round(bottom), _round(high + _ROOM_ABOVE * spread))
    share = float(f"{TOLERANCE_SHARE * spread:.2g}")
    return Measure(
        wide,
        share,
        f"the target does not fit PLUMBLINE_SCALE {_write(scale)}, so the scale is {_write(wide)} "
        f"(training targets from {low:.12g} to {high:.12g}, with room for a stream that grows) and "
        f"the tolerance {share:.12g}, {TOLERANCE_SHARE * 100:g} % of their range.",
    )


def split_windows(
    start_at: datetime, last_at: datetime, kind: WindowKind
) -> list[tuple[datetime, datetime]]:
    """Half-open windows from the start until the last row is in one. Days and weeks are counted
    from the start, months are those of the calendar.

    >>> from datetime import UTC
    >>> start = datetime(2026, 1, 20, tzinfo=UTC)
    >>> weeks = split_windows(start, start + timedelta(days=7), WindowKind.WEEK)
    >>> [(a.day, b.day) for a, b in weeks]
    [(20, 27), (27, 3)]
    >>> months = split_windows(start, start + timedelta(days=20), WindowKind.MONTH)
    >>> [(a.day, b.day) for a, b in months]
    [(20, 1), (1, 1)]
    """
    windows = []
    while start_at <= last_at:
        end_at = _next(start_at, kind)
        windows.append((start_at, end_at))
        start_at = end_at
    return windows


def list_moments(
    windows: Sequence[tuple[datetime, datetime]], kind: WindowKind, delay: timedelta
) -> list[StreamStep]:
    """Every step in the order of the clock: a day of traffic at a time (six hours where a window is
    a day), and each window once more when its labels are in.

    >>> from datetime import UTC
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> day = (start, start + timedelta(days=1))
    >>> [(m.at.hour, m.from_at is None) for m in list_moments([day], WindowKind.DAY, timedelta(0))]
    [(6, False), (12, False), (18, False), (0, False), (0, True)]
    """
    step = _DAY / 4 if kind is WindowKind.DAY else _DAY
    moments = []
    for number, (start_at, end_at) in enumerate(windows):
        at = start_at
        while at < end_at:
            following = min(at + step, end_at)
            moments.append(StreamStep(following, at, number))
            at = following
        moments.append(StreamStep(end_at + delay, None, number))
    return sorted(moments, key=lambda moment: (moment.at, moment.from_at is None))


def find_span(kind: WindowKind) -> timedelta:
    """Return the period over which monitoring measures the error: the length of a window."""
    return {WindowKind.DAY: _DAY, WindowKind.WEEK: 7 * _DAY, WindowKind.MONTH: 30 * _DAY}[kind]


def _next(at: datetime, kind: WindowKind) -> datetime:
    if kind is not WindowKind.MONTH:
        return at + find_span(kind)
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _write(scale: Scale) -> str:
    return f"{scale.low:.12g}:{scale.high:.12g}"  # as the setting is written: no power of ten


def _round(value: float) -> float:
    return float(f"{value:.3g}")
