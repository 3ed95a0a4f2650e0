"""Numbers, shares, intervals, durations and times as people read them: on pages, in the command
line's answers and in messages alike."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Ranged(Protocol):
    """A figure with the limits of its interval, wherever it was computed; None or infinite where
    they are not known."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


NOTHING = "–"
"""Stands where there is no value; never a zero."""

NO_INTERVAL = "one day of labels: no interval yet"
"""Stands where there is a value, and no two days to tell how much it varies."""

_UNITS = (
    ("day", "d", 86_400, 2 * 86_400),
    ("hour", "h", 3_600, 3_600),
    ("minute", "min", 60, 60),
    ("second", "s", 1, 0),
)
"""Each unit with its abbreviation, its seconds, and the seconds from which it is used."""

_MAX_NAMES = 20


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with separated thousands and a real minus.

    >>> number(12345), number(0.456, 2), number(-1.5, 1), number(None)
    ('12,345', '0.46', '−1.5', '–')
    """
    if value is None:
        return NOTHING
    written = f"{value:,.{digits}f}"
    return written.replace("-", "−") if written.strip("-0.,") else written.lstrip("-")


def figure(value: float | None) -> str:
    """Return a figure with about three digits that say something, never a power of ten.

    >>> [figure(value) for value in (1449.6, 123.4, 13.61, 6.214, 0.625, 0.0083, 0.0000213)]
    ['1,450', '123', '13.6', '6.21', '0.625', '0.0083', '0.0000213']
    """
    return NOTHING if value is None else number(value, _count_digits(value))


def figures_apart(a: float, b: float) -> tuple[str, str]:
    """Return two figures with enough digits to see which is larger.

    >>> figures_apart(14.4747, 14.4671), figures_apart(1.0, 2.0), figures_apart(3.0, 3.0)
    (('14.475', '14.467'), ('1.00', '2.00'), ('3.00', '3.00'))
    """
    first, second = figure(a), figure(b)
    for digits in range(1, 9):
        if first != second or a == b:
            break
        first, second = number(a, digits), number(b, digits)
    return first, second


def signed(value: float, digits: int = 2) -> str:
    """Return a change with its sign.

    >>> signed(0.5), signed(-0.25), signed(0.0001)
    ('+0.50', '−0.25', '0.00')
    """
    written = number(value, digits)
    return f"+{written}" if value > 0 and written.strip("0.,") else written


def interval(estimate: Ranged, digits: int | None = None, factor: float = 1.0) -> str:
    """Return the limits of an estimate, with the digits of its value unless given.

    >>> from core.domain.training_report import Estimate
    >>> interval(Estimate(0.84, 0.81, 0.87), 1, 100), interval(Estimate(0.02, -0.05, 0.09))
    ('81.0–87.0', '−0.0500 to 0.0900')
    >>> interval(Estimate(0.84, -math.inf, math.inf))
    'one day of labels: no interval yet'
    """
    limits = _find_limits(estimate)
    if limits is None:
        return NO_INTERVAL
    digits = _count_digits_of(estimate) if digits is None else digits
    low, high = (number(limit * factor, digits) for limit in limits)
    return f"{low}{' to ' if limits[0] < 0 else '–'}{high}"


def by_blocks(*bases: str) -> str:
    """Return the blocks that intervals rest on, to follow the word "interval"; empty if unknown.

    >>> by_blocks("40 days, in runs of 3"), by_blocks("12 groups", "1,146 days"), by_blocks("")
    (' by days', ' by days or groups', '')
    """
    found = {
        unit for basis in bases for unit in re.findall(r"\b(day|group|row|request)s?\b", basis)
    }
    return " by " + " or ".join(f"{unit}s" for unit in sorted(found)) if found else ""


def interval_by(
    basis: str, estimate: Ranged, digits: int | None = None, factor: float = 1.0, unit: str = ""
) -> str:
    """Return the limits of an estimate for a sentence, with the blocks that the interval rests on.

    >>> from core.domain.training_report import Estimate
    >>> interval_by("12 groups", Estimate(0.84, 0.81, 0.87), 1, 100, " %")
    '95 % interval by groups 81.0–87.0 %'
    """
    found = interval(estimate, digits, factor)
    if found == NO_INTERVAL:
        return found
    return f"95 % interval{by_blocks(basis)} {found}{unit}"


def estimate(estimate: Ranged | None, unit: str = "") -> str:
    """Return an estimate with its interval.

    >>> from core.domain.training_report import Estimate
    >>> estimate(Estimate(6.214, 5.9, 6.55), "points"), estimate(None)
    ('6.21 points (5.90–6.55)', '–')
    """
    if estimate is None:
        return NOTHING
    value = number(estimate.value, _count_digits_of(estimate))
    return f"{value}{unit and ' '}{unit} ({interval(estimate)})"


def points(estimate: Ranged) -> str:
    """Return the value of an error in points, without its interval.

    >>> from core.domain.training_report import Estimate
    >>> points(Estimate(6.214, 5.9, 6.55))
    '6.21 points'
    """
    return f"{figure(estimate.value)} points"


def percent(share: float | None) -> str:
    """Return a measured share as a percentage; it never rounds something to nothing or nearly all
    to all.

    >>> percent(0.8421), percent(0.0), percent(0.0002), percent(0.9999), percent(1.0)
    ('84.2 %', '0 %', '<0.1 %', '>99.9 %', '100 %')
    >>> percent(-0.031), percent(None)
    ('−3.1 %', '–')
    """
    if share is None:
        return NOTHING
    if share in (0.0, 1.0):
        return chosen_percent(share)
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{number(share * 100, 1)} %"


def chosen_percent(share: float) -> str:
    """Return a share that somebody chose, such as a threshold, with the digits that it has.

    >>> chosen_percent(0.8), chosen_percent(0.005)
    ('80 %', '0.5 %')
    """
    return f"{100 * share:g} %"


def percent_interval(estimate: Ranged | None) -> str:
    """Return a measured share with its interval.

    >>> from core.domain.training_report import Estimate
    >>> percent_interval(Estimate(0.84, 0.81, 0.87)), percent_interval(None)
    ('84.0 % (81.0–87.0)', '–')
    """
    if estimate is None:
        return NOTHING
    return f"{percent(estimate.value)} ({interval(estimate, 1, 100)})"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things with their noun.

    >>> count(1, "row"), count(1200, "row"), count(0, "row"), count(2, "entry", "entries")
    ('1 row', '1,200 rows', 'no rows', '2 entries')
    """
    many = plural or noun + "s"
    return f"no {many}" if n == 0 else f"{n:,} {noun if n == 1 else many}"


def names(all_names: Sequence[str]) -> str:
    """Return a list of names for a sentence, the first 20 of many.

    >>> names(["a", "b"]), names([str(i) for i in range(22)])[-13:]
    ('a, b', '19 and 2 more')
    """
    more = f" and {len(all_names) - _MAX_NAMES} more" if len(all_names) > _MAX_NAMES else ""
    return ", ".join(all_names[:_MAX_NAMES]) + more


def milliseconds(value: float | None) -> str:
    """Return a latency.

    >>> milliseconds(0.84), milliseconds(12.34), milliseconds(240.0), milliseconds(1234.0)
    ('0.84 ms', '12.3 ms', '240 ms', '1.23 s')
    """
    if value is None:
        return NOTHING
    if value >= 1000:
        return f"{number(value / 1000, 2)} s"
    return f"{number(value, 0 if value >= 100 else 1 if value >= 1 else 2)} ms"


def size(n_bytes: float) -> str:
    """Return a size on disk.

    >>> size(512), size(2_400_000), size(53_700_000_000)
    ('512 B', '2.4 MB', '53.7 GB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes:.0f} B"


def duration(length: timedelta | float) -> str:
    """Return a length of time (a number is in seconds), rounded down: one unit in words, or its two
    largest units abbreviated.

    >>> duration(0.4), duration(12), duration(135), duration(7260), duration(180_000)
    ('0.4 s', '12 seconds', '2 min 15 s', '2 h 1 min', '2 d 2 h')
    >>> duration(timedelta(hours=1)), duration(timedelta(days=1)), duration(timedelta(days=7))
    ('1 hour', '24 hours', '7 days')
    """
    seconds = _read_seconds(length)
    if 0 < seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    place = _find_unit(seconds)
    _, short, size_of, _ = _UNITS[place]
    _, below_short, below, _ = _UNITS[min(place + 1, len(_UNITS) - 1)]
    rest = int(seconds % size_of // below)
    if size_of == 1 or not rest:
        return _in_one_unit(seconds)
    return f"{int(seconds // size_of)} {short} {rest} {below_short}"


def ago(at: datetime, now: datetime) -> str:
    """Return how long before (or after) now a time is, in one unit.

    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> [ago(noon.replace(hour=hour, minute=30), noon) for hour in (2, 11, 12)]
    ['9 hours ago', '30 minutes ago', 'in 30 minutes']
    >>> ago(noon, noon)
    'just now'
    """
    seconds = (now - at).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    length = _in_one_unit(abs(seconds))
    return f"{length} ago" if seconds > 0 else f"in {length}"


def step(length: timedelta) -> str:
    """Return the name of a series' step.

    >>> step(timedelta(minutes=1)), step(timedelta(hours=1)), step(timedelta(days=1))
    ('minute', 'hour', 'day')
    """
    units = {size_of: unit for unit, _, size_of, _ in _UNITS}
    return units.get(int(length.total_seconds()), duration(length))


def moment(at: datetime | None) -> str:
    """Return a time in UTC.

    >>> moment(datetime(2026, 3, 2, 12, 5, tzinfo=UTC)), moment(None)
    ('2 Mar 2026, 12:05 UTC', '–')
    """
    if at is None:
        return NOTHING
    utc = at.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def moment_ago(at: datetime | None, now: datetime) -> str:
    """Return a time with its age.

    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> moment_ago(noon, noon.replace(hour=14)), moment_ago(None, noon)
    ('2 Mar 2026, 12:00 UTC (2 hours ago)', '–')
    """
    return NOTHING if at is None else f"{moment(at)} ({ago(at, now)})"


def basis(n_labelled: int, window: str) -> str:
    """Return the labels and the window that a figure is computed from.

    >>> basis(512, "last 7 days")
    '512 labelled, last 7 days'
    """
    return f"{n_labelled:,} labelled, {window}"


def tolerance(points_within: float) -> str:
    """Return the meaning of accuracy.

    >>> tolerance(5.0), tolerance(2.5)
    ('within ±5', 'within ±2.5')
    """
    return f"within ±{points_within:g}"


def short_hash(full: str) -> str:
    """Return the start of a hash, enough to tell two apart.

    >>> short_hash("9f86d081884c7d659a2feaa0c55ad015")
    '9f86d08188'
    """
    return full[:10]


def _count_digits(value: float) -> int:
    size_of = abs(value)
    if 1e-9 <= size_of < 0.001:
        return 2 - math.floor(math.log10(size_of))
    return next((n for n, least in enumerate((100, 10, 1, 0.1)) if size_of >= least), 4)


def _count_digits_of(estimate: Ranged) -> int:
    """An estimate near zero, such as a difference, has the digits that its interval asks for."""
    limits = _find_limits(estimate) or (0.0, 0.0)
    return _count_digits(max(abs(estimate.value), (limits[1] - limits[0]) / 2))


def _find_limits(estimate: Ranged) -> tuple[float, float] | None:
    low, high = estimate.low, estimate.high
    if low is None or high is None or not math.isfinite(high - low):
        return None
    return low, high


def _read_seconds(length: timedelta | float) -> float:
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    return max(0.0, seconds)


def _find_unit(seconds: float) -> int:
    return next(place for place, (*_, least) in enumerate(_UNITS) if seconds >= least)


def _in_one_unit(seconds: float) -> str:
    unit, _, size_of, _ = _UNITS[_find_unit(seconds)]
    n = int(seconds // size_of)
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"
