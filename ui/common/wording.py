"""How a value is written on the screen: with its unit, its interval, and the age of a time."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Ranged(Protocol):
    """A figure with the limits of its 95 % interval, wherever it was computed."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


NOTHING = "–"
"""Stands where there is no value; never a zero."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands separated.

    >>> number(12345), number(0.456, 2), number(None)
    ('12,345', '0.46', '–')
    """
    if value is None:
        return NOTHING
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if text.strip("-0.,") else text.lstrip("-")


def digits_of(value: float) -> int:
    """Decimals with which an error in points has three figures that say something.

    >>> [number(value, digits_of(value)) for value in (123.4, 13.61, 6.214, 0.625, 0.0083)]
    ['123', '13.6', '6.21', '0.625', '0.0083']
    """
    size_of = abs(value)
    return next((n for n, least in enumerate((100, 10, 1, 0.1)) if size_of >= least), 4)


def error(value: float) -> str:
    """An error in points, without its unit.

    >>> error(13.61), error(0.0083)
    ('13.6', '0.0083')
    """
    return number(value, digits_of(value))


def count(n: int, noun: str, plural: str | None = None) -> str:
    """How many there are of something.

    >>> count(1, "row"), count(1200, "row"), count(0, "row"), count(2, "entry", "entries")
    ('1 row', '1,200 rows', 'no rows', '2 entries')
    """
    many = plural or noun + "s"
    return f"no {many}" if n == 0 else f"{n:,} {noun if n == 1 else many}"


def percent(share: float | None) -> str:
    """A share as a percentage that never rounds something to nothing or nearly all to all.

    >>> percent(0.8421), percent(0.0), percent(0.0002), percent(0.9999), percent(1.0)
    ('84.2 %', '0 %', '<0.1 %', '>99.9 %', '100 %')
    >>> percent(-0.031), percent(None)
    ('−3.1 %', '–')
    """
    if share is None:
        return NOTHING
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return number(share * 100, 1) + " %"


def percent_range(estimate: Ranged | None) -> str:
    """A share with its 95 % interval.

    >>> from core.domain.training_report import Estimate
    >>> percent_range(Estimate(0.84, 0.81, 0.87)), percent_range(None)
    ('84.0 % (81.0–87.0)', '–')
    """
    if estimate is None:
        return NOTHING
    return f"{percent(estimate.value)} ({_range(estimate.low * 100, estimate.high * 100, 1)})"


def points(estimate: Ranged | None) -> str:
    """An error in points of the scale with its 95 % interval.

    >>> from core.domain.training_report import Estimate
    >>> points(Estimate(6.214, 5.9, 6.55)), points(None)
    ('6.21 points (5.90–6.55)', '–')
    """
    if estimate is None:
        return NOTHING
    digits = digits_of(estimate.value)
    return (
        f"{number(estimate.value, digits)} points ({_range(estimate.low, estimate.high, digits)})"
    )


def plain(estimate: Ranged | None) -> str:
    """A figure without a unit, such as R², with its 95 % interval.

    >>> from core.domain.training_report import Estimate
    >>> plain(Estimate(-0.1, -0.25, 0.04))
    '−0.10 (−0.25 to 0.04)'
    """
    if estimate is None:
        return NOTHING
    return f"{number(estimate.value, 2)} ({_range(estimate.low, estimate.high, 2)})"


def point(estimate: Ranged) -> str:
    """The value of an error in points, alone.

    >>> from core.domain.training_report import Estimate
    >>> point(Estimate(6.214, 5.9, 6.55))
    '6.21 points'
    """
    return f"{error(estimate.value)} points"


def interval(estimate: Ranged, digits: int | None = None, factor: float = 1.0) -> str:
    """The 95 % interval of a figure, alone; with the decimals of an error unless given.

    >>> from core.domain.training_report import Estimate
    >>> interval(Estimate(0.84, 0.81, 0.87), 1, 100), interval(Estimate(6.2, 5.9, 6.55))
    ('81.0–87.0', '5.90–6.55')
    """
    digits = digits_of(estimate.value) if digits is None else digits
    return _range(estimate.low * factor, estimate.high * factor, digits)


def milliseconds(value: float | None) -> str:
    """A latency.

    >>> milliseconds(0.84), milliseconds(12.34), milliseconds(240.0), milliseconds(1234.0)
    ('0.84 ms', '12.3 ms', '240 ms', '1.23 s')
    """
    if value is None:
        return NOTHING
    if value >= 1000:
        return f"{number(value / 1000, 2)} s"
    return f"{number(value, 0 if value >= 100 else 1 if value >= 1 else 2)} ms"


def size(n_bytes: float) -> str:
    """A size on disk.

    >>> size(512), size(2_400_000), size(53_700_000_000)
    ('512 B', '2.4 MB', '53.7 GB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes:.0f} B"


def duration(seconds: float) -> str:
    """A length of time in its two largest units.

    >>> duration(0.4), duration(12), duration(135), duration(7260), duration(180_000)
    ('0.4 s', '12 s', '2 min 15 s', '2 h 1 min', '2 d 2 h')
    """
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    for size_of, unit, below, below_unit in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size_of:
            rest = whole % size_of // below
            return f"{whole // size_of} {unit}" + (f" {rest} {below_unit}" if rest else "")
    raise AssertionError("unreachable")


def step(length: timedelta) -> str:
    """The step of a series.

    >>> step(timedelta(minutes=1)), step(timedelta(hours=1)), step(timedelta(days=1))
    ('minute', 'hour', 'day')
    """
    names = {_MINUTE: "minute", _HOUR: "hour", _DAY: "day"}
    seconds = int(length.total_seconds())
    return names.get(seconds, duration(seconds))


def moment(at: datetime | None) -> str:
    """A time, in UTC and said so.

    >>> moment(datetime(2026, 3, 2, 12, 5, tzinfo=UTC)), moment(None)
    ('2 Mar 2026, 12:05 UTC', '–')
    """
    if at is None:
        return NOTHING
    utc = at.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def ago(at: datetime, now: datetime) -> str:
    """How long before (or after) now a time is, in one unit.

    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> [ago(noon.replace(hour=hour, minute=30), noon) for hour in (2, 11, 12)]
    ['9 h ago', '30 min ago', 'in 30 min']
    >>> ago(noon, noon)
    'just now'
    """
    seconds = (now - at).total_seconds()
    length = abs(seconds)
    if length < 5:
        return "just now"
    for size_of, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        if length >= size_of:
            text = f"{int(length // size_of)} {unit}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    raise AssertionError("unreachable")


def moment_ago(at: datetime | None, now: datetime) -> str:
    """A time with its age.

    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> moment_ago(noon, noon.replace(hour=14)), moment_ago(None, noon)
    ('2 Mar 2026, 12:00 UTC (2 h ago)', '–')
    """
    return NOTHING if at is None else f"{moment(at)} ({ago(at, now)})"


def basis(n_labelled: int, window: str) -> str:
    """What a figure rests on.

    >>> basis(512, "last 7 days")
    '512 labelled, last 7 days'
    """
    return f"{n_labelled:,} labelled, {window}"


def tolerance(points_within: float) -> str:
    """The meaning of accuracy.

    >>> tolerance(5.0), tolerance(2.5)
    ('within ±5', 'within ±2.5')
    """
    return f"within ±{points_within:g}"


def short_hash(text: str) -> str:
    """The start of a hash, enough to tell two apart.

    >>> short_hash("9f86d081884c7d659a2feaa0c55ad015")
    '9f86d08188'
    """
    return text[:10]


def _range(low: float, high: float, digits: int) -> str:
    separator = " to " if low < 0 else "–"
    return f"{number(low, digits)}{separator}{number(high, digits)}"
