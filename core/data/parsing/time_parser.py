"""Times as people and programs write them, and how a column writes its times; pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.data.parsing.notation import MISSING_WORDS, PLAIN, BadValue, Notation, show
from core.data.parsing.number_parser import is_number

_DAY_AND_MONTH = re.compile(
    r"(?P<first>\d{1,2})(?P<between>[/.-])(?P<second>\d{1,2})(?P=between)(?P<year>\d{4}|\d{2})\b"
)
_SPACED_OFFSET = re.compile(r"\s+(?:GMT|UTC)?([+-]\d\d:?\d\d)$|(?<=\d)(?:GMT|UTC)([+-]\d\d:?\d\d)$")
_MAIL_DATE = re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} ")
_WEEKDAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +(?=[A-Za-z\d])")
_YEAR_LAST = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d)(?P<zone> [A-Z]{2,5})? "
    r"(?P<year>\d{4})"
)
_ZONE_NAME = re.compile(
    r"\s*\[(?P<boxed>[A-Za-z_+/-]+\d*)\]$|\s+(?P<name>[A-Z][A-Za-z_]+/[A-Za-z_/+-]+)$"
)
_ABBREVIATION = re.compile(r"(?:(?<=\d)\s*|(?<=[Mm.])\s+)(?P<zone>[A-Za-z]{1,5})$")
_ORDINAL = re.compile(r"\d{4}-\d{3}")
_SMALL_T = re.compile(r"(?<=\d)t(?=\d)")
_IN_BRACKETS = re.compile(r" \([^()]*\)$")
_END_OF_DAY = re.compile(r"(?<=\d[T ])24(?=:?00(?::?00(?:[.,]0+)?)?(?![\d:]))")
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?P<between>[/.-])(?P<month>\d{1,2})(?:(?P=between)(?P<day>\d{1,2}))?"
    r"(?P<clock>(?:[ T,].*)?)"
)
_MONTH_NAMED = re.compile(
    r"(?:(?P<day>\d{1,2})[ -])?(?P<month>[A-Za-z]{3,9})(?:[ -](?P<late_day>\d{1,2}),?)?"
    r"(?:[ -](?P<year>\d{4}|\d\d))(?P<clock>(?:[ T,].*)?)"
)
_HALF_DAY = re.compile(r"(?P<hour>\d{1,2})(?P<rest>(?::\d\d)*) ?(?P<half>[APap])\.?[Mm]\.?")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_ZONES = {
    **dict.fromkeys(("UT", "UTC", "GMT", "WET", "Z"), 0),
    **dict.fromkeys(("CET", "WEST", "MEZ"), 1),
    **dict.fromkeys(("CEST", "EET", "MESZ", "SAST"), 2),
    **dict.fromkeys(("EEST", "MSK"), 3),
    **dict.fromkeys(("HKT", "SGT", "AWST"), 8),
    **dict.fromkeys(("JST", "KST"), 9),
    **dict.fromkeys(("AEST",), 10),
    **dict.fromkeys(("AEDT",), 11),
    **dict.fromkeys(("NZST",), 12),
    **dict.fromkeys(("NZDT",), 13),
    **dict.fromkeys(("EDT",), -4),
    **dict.fromkeys(("EST", "CDT"), -5),
    **dict.fromkeys(("CST", "MDT"), -6),
    **dict.fromkeys(("MST", "PDT"), -7),
    **dict.fromkeys(("PST", "AKDT"), -8),
    **dict.fromkeys(("AKST",), -9),
    **dict.fromkeys(("HST",), -10),
}
"""Hours before UTC of the abbreviations of RFC 2822, and of others that mean one zone."""

_SEVERAL_ZONES = frozenset({"IST", "BST", "AST", "ADT", "AMT", "GST", "SST", "ECT", "PHT", "WST"})

FIRST_YEAR, LAST_YEAR = 1900, 2199
_FIRST_SECOND = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()
_LAST_SECOND = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()
"""Times outside these years are rejected as mistakes."""

_PACKED = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001  # of spreadsheets
_DAY_NUMBERS = (32_874.0, 58_439.0)  # 1990 to 2059


class TimeForm:
    """Learns from many times how their column writes them.

    >>> form = TimeForm()
    >>> form.add(["01/02/2026", "16/02/2026"])
    >>> form.notation.day_first
    True
    """

    def __init__(self) -> None:
        self._orders: set[bool] = set()
        self._n = self._n_packed = self._n_day_numbers = 0

    def add(self, values: Iterable[object]) -> None:
        """Read more times; values of another type are ignored."""
        for value in values:
            text = value.strip() if isinstance(value, str) else value
            if text is None or text == "" or text != text:
                continue
            self._n += 1
            if isinstance(text, str) and not is_number(text):
                said = _read_day_order(text) if len(self._orders) < 2 else None
                if said is not None:
                    self._orders.add(said)
                elif text.lower() in MISSING_WORDS:
                    self._n -= 1
            elif isinstance(text, str | int | float | Decimal) and not isinstance(text, bool):
                digits = _find_digits(text)
                self._n_packed += len(digits) == 10 and _unpack(digits) is not None
                self._n_day_numbers += _DAY_NUMBERS[0] <= float(text) < _DAY_NUMBERS[1]

    @property
    def notation(self) -> Notation:
        """Return what every value that shows it shows alike: the order of day and month, ten digits
        that are an hour of a day, numbers of days."""
        return Notation(
            day_first=next(iter(self._orders)) if len(self._orders) == 1 else None,
            packed=0 < self._n == self._n_packed,
            day_numbers=0 < self._n == self._n_day_numbers,
        )


def find_time_notations(forms: Mapping[str, TimeForm]) -> dict[str, Notation]:
    """Return how each column of times is written that is not written plainly; the order of day and
    month is that of another column where one alone does not show it."""
    chosen = {name: form.notation for name, form in forms.items()}
    orders = {notation.day_first for notation in chosen.values()} - {None}
    if len(orders) == 1:
        (day_first,) = orders
        chosen = {name: replace(one, day_first=day_first) for name, one in chosen.items()}
    return {name: notation for name, notation in chosen.items() if notation != PLAIN}


def _read_day_order(text: str) -> bool | None:
    """Return True if the first number cannot be a month, False if the second cannot, None if both
    can."""
    found = _DAY_AND_MONTH.match(text)
    if found is None:
        return None
    first, second = int(found["first"]), int(found["second"])
    return (first > 12) if (first > 12) != (second > 12) else None


def has_zone(value: object, notation: Notation = PLAIN) -> bool:
    """Return whether a time states its own offset (seconds since 1970 do). Raises `BadValue`, as
    `read_time` does.

    >>> has_zone("2026-03-02T12:00Z"), has_zone("2026-03-02 12:00"), has_zone(1772452800)
    (True, False, True)
    """
    at = _parse_time(value, notation)
    return at is not None and at.tzinfo is not None


def read_time(value: object, notation: Notation) -> datetime | None:
    """Return a time as aware UTC, None if it is missing. Raises `BadValue` if it is none, or may
    be two."""
    at = _parse_time(value, notation)
    if at is None:
        return None
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _parse_time(value: object, notation: Notation) -> datetime | None:
    """Return the time of a value, without a zone if the value states none."""
    if value is None or value != value:  # NaT too
        return None
    if isinstance(value, str):
        return _parse_text(value.strip(), notation)
    if isinstance(value, datetime):
        return _plausible(value, value)
    if isinstance(value, date):
        return _plausible(datetime(value.year, value.month, value.day), value)  # noqa: DTZ001
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _parse_number(value, value, notation)
    raise BadValue("not_a_time", _no_time(value))


_Number = int | float | Decimal | str


def _parse_number(number: _Number, value: object, notation: Notation) -> datetime:
    """Return the time of digits such as 20260302, of a day's number, or of seconds since 1970."""
    digits = _find_digits(number)
    if len(digits) != 10 or notation.packed:
        at = _unpack(digits)
        if at is not None:
            return at
    try:
        float_number = float(number)
    except OverflowError:
        raise BadValue("not_a_time", _no_time(value)) from None
    if notation.day_numbers and _DAY_NUMBERS[0] <= float_number < _DAY_NUMBERS[1]:
        return _DAY_ZERO + timedelta(seconds=round(float_number * 86_400))
    return _since_1970(float_number, value)


def _find_digits(number: _Number) -> str:
    """Return the digits of a whole number, also of one with needless decimals; else nothing."""
    text = repr(number) if isinstance(number, float) else str(number)
    whole, _, fraction = text.partition(".")
    return whole if whole.isdigit() and not fraction.strip("0") else ""


def _unpack(digits: str) -> datetime | None:
    """Return the moment of 8, 10, 12 or 14 digits from the year on, None if they are none."""
    form = _PACKED.get(len(digits))
    if form is None or not FIRST_YEAR <= int(digits[:4]) <= LAST_YEAR:
        return None
    return _attempt(lambda text: datetime.strptime(text, form), digits)  # noqa: DTZ007


def _parse_text(text: str, notation: Notation) -> datetime | None:
    if not text or text.lower() in MISSING_WORDS:
        return None
    if is_number(text):
        return _parse_number(text, text, notation)
    for read in (datetime.fromisoformat, _parse_other):
        at = _attempt(read, text)
        if at is not None:
            return _plausible(at, text)
    parts = _DAY_AND_MONTH.match(text)
    if parts is not None and notation.day_first is None:
        raise BadValue(
            "ambiguous_time",
            f"{show(text)} may be day/month or month/day: write times as 2026-02-01 or "
            "2026-02-01T14:30:00Z",
        )
    if parts is not None:
        written = _put_year_first(text, parts, bool(notation.day_first))
        for read in (datetime.fromisoformat, _parse_other):
            at = _attempt(read, written)
            if at is not None:
                return _plausible(at, text)
    raise BadValue("not_a_time", _no_time(text))


def _put_year_first(text: str, parts: re.Match[str], day_first: bool) -> str:
    day, month = parts["first"], parts["second"]
    if not day_first:
        day, month = month, day
    return _write_time(_complete_year(parts["year"]), month, day, text[parts.end() :])


def _complete_year(year: str) -> str:
    """Return the four digits of a year, of two by the rule of POSIX.

    >>> _complete_year("26"), _complete_year("99"), _complete_year("2026")
    ('2026', '1999', '2026')
    """
    return year if len(year) == 4 else f"{19 if year >= '69' else 20}{year}"


def _write_time(year: str, month: str, day: str, clock: str) -> str:
    """Return the ISO 8601 form of a time, also from a clock of twelve hours."""
    clock = clock.lstrip(" T,").rstrip()
    half = _HALF_DAY.fullmatch(clock)
    if half is not None:
        hour = int(half["hour"]) % 12 + (12 if half["half"] in "Pp" else 0)
        clock = f"{hour}{half['rest'] or ':00'}"
    clock = f" {clock.rjust(len(clock) + (clock[1:2] == ':'), '0')}" if clock else ""
    return f"{year}-{month:0>2}-{day:0>2}{clock}"


def _attempt(read: Callable[[str], datetime], text: str) -> datetime | None:
    try:
        return read(text)
    except BadValue:
        raise
    except ValueError:
        return None


def _parse_other(text: str) -> datetime:
    """Parse a time with a named zone, a named day or month, slashes, hour 24, or as in mail."""
    if _MAIL_DATE.match(text):
        return parsedate_to_datetime(text)
    named = _ZONE_NAME.search(text)
    if named is not None:
        at = _parse_local(text[: named.start()])
        return at if at.tzinfo is not None else at.replace(tzinfo=_find_zone(named, text))
    cleaned = _WEEKDAY.sub("", _IN_BRACKETS.sub("", _SMALL_T.sub("T", text)), count=1)
    year_last = _YEAR_LAST.fullmatch(cleaned)  # of `date` and ctime
    if year_last is not None:
        day, month, year = year_last["day"], year_last["month"], year_last["year"]
        cleaned = f"{day} {month} {year} {year_last['clock']}{year_last['zone'] or ''}"
    abbreviated = _ABBREVIATION.search(cleaned)
    if abbreviated is not None and abbreviated["zone"].upper() not in ("AM", "PM"):
        hours = _find_offset(abbreviated["zone"].upper(), text)
        at = _parse_local(cleaned[: abbreviated.start()])
        return at.replace(tzinfo=UTC) - timedelta(hours=hours)
    return _parse_local(cleaned)


def _find_offset(zone: str, text: str) -> int:
    if zone in _SEVERAL_ZONES:
        raise BadValue(
            "ambiguous_zone",
            f"{show(text)} is in {zone}, a name of several time zones: write an offset, as in "
            "2026-02-01T14:30:00+05:30",
        )
    if zone not in _ZONES:
        raise ValueError(zone)
    return _ZONES[zone]


def _find_zone(named: re.Match[str], text: str) -> ZoneInfo:
    name = named["boxed"] or named["name"]
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue(
            "unknown_zone",
            f"{show(text)} is in a time zone that is not known here ('{name}'): write an offset, "
            "as in 2026-02-01T14:30:00+02:00",
        ) from None


def _parse_local(text: str) -> datetime:
    """Parse a time that may have an offset, and no zone with a name."""
    cleaned = _SPACED_OFFSET.sub(lambda found: found[1] or found[2], text.strip())
    ended = _END_OF_DAY.sub("00", cleaned, count=1)
    at = _parse_clock(ended)
    return at + timedelta(days=1) if ended != cleaned else at


def _parse_clock(text: str) -> datetime:
    found = _YEAR_FIRST.fullmatch(text)
    if found is not None and (found["day"] or found["between"] != "."):  # 2026.5 is a number
        year, month, day = found["year"], found["month"], found["day"] or "1"
        return datetime.fromisoformat(_write_time(year, month, day, found["clock"]))
    if _ORDINAL.fullmatch(text):
        return datetime.strptime(text, "%Y-%j")  # noqa: DTZ007
    if text[:4].isdigit():
        return datetime.fromisoformat(text.replace(" W", "-W"))
    return datetime.fromisoformat(_number_month(text))


def _number_month(text: str) -> str:
    """Return the ISO 8601 form of a time with a named month; two digits are a year only after a
    day."""
    found = _MONTH_NAMED.fullmatch(text)
    if found is None or (found["day"] and found["late_day"]):
        raise ValueError(text)
    name, year = found["month"].lower(), found["year"]
    number = next(
        (n for n, month in enumerate(_MONTHS, 1) if name in (month, month[:3], month[:4])), None
    )
    day = found["day"] or found["late_day"]
    if number is None or (len(year) == 2 and not found["day"]):
        raise ValueError(text)
    return _write_time(_complete_year(year), str(number), day or "1", found["clock"])


def _since_1970(number: float, value: object) -> datetime:
    for limit, unit in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if 1e8 <= abs(number) < limit:
            seconds = number / unit
            if _FIRST_SECOND <= seconds <= _LAST_SECOND:
                return _plausible(datetime.fromtimestamp(seconds, UTC), value)
    raise BadValue("not_a_time", _no_time(value))


def _plausible(at: datetime, value: object) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise BadValue("not_a_time", _no_time(value))
    return at


def _no_time(value: object) -> str:
    return f"{show(value)} is not a time: write 2026-02-01T14:30:00Z, or seconds since 1970"
