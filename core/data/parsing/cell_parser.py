"""Read one raw value of a file, a table or a request as a number, a word or a time; pure."""

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Literal, overload

MISSING_WORDS = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "null", "none", "?"})
"""Words that programs write for a missing number; in a column of words they are words."""

_COMMA_NUMBER = re.compile(r"[-+]?\d{1,3}(?:[.,' ]?\d+)*,\d+")
_DAY_AND_MONTH = re.compile(
    r"(?P<first>\d{1,2})(?P<between>[/.-])(?P<second>\d{1,2})(?P=between)(?P<year>\d{4}|\d{2})\b"
)
_SPACED_OFFSET = re.compile(r"\s+([+-]\d\d:?\d\d)$")
_MAIL_DATE = re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} ")
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
FIRST_YEAR, LAST_YEAR = 1900, 2199
_FIRST_SECOND = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()
_LAST_SECOND = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()
"""Times outside these years are rejected as mistakes."""


class BadValue(ValueError):
    """A value that does not fit its column; the code groups equal reasons."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def locate(self, role: str, column: str | None = None) -> "BadValue":
        """Return the same error with the role that the value has in its row, and the name of its
        column where rows have columns.

        >>> str(BadValue("not_a_number", "'x' is not a number").locate("feature", "size"))
        "feature 'size': 'x' is not a number"
        """
        code = {"target": f"target_{self.code}", "feature": "bad_feature"}.get(role, self.code)
        named = role if column is None else f"{role} '{column}'"
        return BadValue(code, f"{named}: {self.message}")


class ColumnKind(StrEnum):
    """The type of a column's values."""

    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"  # words too long to be categories
    TIME = "time"
    NESTED = "nested"  # lists or objects: cannot be a feature
    EMPTY = "empty"


class ValueKind(StrEnum):
    """The type that one value has by itself."""

    MISSING = "missing"
    MISSING_WORD = "missing_word"  # missing among numbers, a word among words
    NUMBER = "number"
    COMMA_NUMBER = "comma_number"
    WORD = "word"
    TIME = "time"
    NESTED = "nested"  # a list, an object, or bytes


def judge_value(value: object) -> ValueKind:
    """Return the type of a value, before its column is known.

    >>> [str(judge_value(v)) for v in ("3.5", "3,5", "n/a", "", "blue", [1], 0, True)]
    ['number', 'comma_number', 'missing_word', 'missing', 'word', 'nested', 'number', 'number']
    """
    if value is None:
        return ValueKind.MISSING
    if isinstance(value, str):
        return _judge_text(value.strip())
    if isinstance(value, int | float | Decimal):  # a truth value is an int
        return ValueKind.MISSING if value != value else ValueKind.NUMBER
    if isinstance(value, date):  # a datetime is a date
        return ValueKind.TIME
    return ValueKind.NESTED


@overload
def read_cell(
    value: object, kind: Literal[ColumnKind.NUMBER], *, strict: bool = False
) -> float | None: ...
@overload
def read_cell(value: object, kind: Literal[ColumnKind.CATEGORY, ColumnKind.TEXT]) -> str | None: ...
@overload
def read_cell(
    value: object, kind: Literal[ColumnKind.TIME], *, day_first: bool | None = None
) -> datetime | None: ...
@overload
def read_cell(
    value: object, kind: ColumnKind, *, strict: bool = False, day_first: bool | None = None
) -> float | str | datetime | None: ...


def read_cell(
    value: object, kind: ColumnKind, *, strict: bool = False, day_first: bool | None = None
) -> float | str | datetime | None:
    """Return the number, word or time of a raw value; None if it is missing.

    NUMBER: a finite number. NaN and words such as `n/a` are missing; true and false are 1 and 0.
    With `strict` a truth value and NaN are refused, as in a request for a score.
    CATEGORY, TEXT: the value as text (see `as_text`), without a zero byte.
    TIME: aware UTC. Read are ISO 8601 with any offset (without one it is UTC), month names, clocks
    of twelve hours, a month or an ISO week for its first day, and seconds, milliseconds,
    microseconds or nanoseconds since 1970. 01/02/2026 is read only with `day_first` (`DayOrder`).
    Raises `BadValue` for anything else.

    >>> read_cell(" 0.50 ", ColumnKind.NUMBER), read_cell("NaN", ColumnKind.NUMBER)
    (0.5, None)
    >>> read_cell(7.0, ColumnKind.CATEGORY), read_cell(" ", ColumnKind.CATEGORY)
    ('7', None)
    >>> read_cell("2026-03-02T14:00:00+02:00", ColumnKind.TIME).isoformat()
    '2026-03-02T12:00:00+00:00'
    >>> read_cell("16/12/2006 17:24:00", ColumnKind.TIME, day_first=True).isoformat()
    '2006-12-16T17:24:00+00:00'
    """
    if kind is ColumnKind.NUMBER:
        return _read_number(value, strict)
    if kind is ColumnKind.TIME:
        return _read_time(value, day_first)
    return _read_word(value)


def as_text(value: object) -> str | None:
    """Return a value as text, None if it is missing or empty; whole numbers have no point.

    >>> as_text(7), as_text(7.0), as_text(0.25), as_text(" a "), as_text("")
    ('7', '7', '0.25', 'a', None)
    """
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


class DayOrder:
    """Learns from many times whether the day comes before the month, as in 16/12/2006.

    >>> order = DayOrder()
    >>> order.add(["01/02/2026", "16/02/2026"])
    >>> order.day_first
    True
    """

    def __init__(self) -> None:
        self._found: set[bool] = set()

    def add(self, values: Iterable[object]) -> None:
        """Read more times; values of another type are ignored."""
        if len(self._found) < 2:
            self._found |= {said for said in map(_read_day_order, values) if said is not None}

    @property
    def day_first(self) -> bool | None:
        """Return True or False if every value that shows an order shows the same; None
        otherwise."""
        return next(iter(self._found)) if len(self._found) == 1 else None


def _read_day_order(value: object) -> bool | None:
    """Return True if the first number cannot be a month, False if the second cannot, None if both
    can."""
    found = _DAY_AND_MONTH.match(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    first, second = int(found["first"]), int(found["second"])
    return (first > 12) if (first > 12) != (second > 12) else None


def has_zone(value: object, day_first: bool | None = None) -> bool:
    """Return whether a time states its own offset (seconds since 1970 do). Raises `BadValue`, as
    `read_cell` does.

    >>> has_zone("2026-03-02T12:00Z"), has_zone("2026-03-02 12:00"), has_zone(1772452800)
    (True, False, True)
    """
    at = _parse_time(value, day_first)
    return at is not None and at.tzinfo is not None


def show(value: object) -> str:
    """Return a value as a message shows it, shortened.

    >>> show("x" * 50)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"
    """
    text = value if isinstance(value, str) else str(value)
    shortened = text if len(text) <= 30 else text[:29] + "…"
    return f"'{shortened}'" if isinstance(value, str) else shortened


def _read_number(value: object, strict: bool) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        return _read_number_text(value.strip())
    if not isinstance(value, int | float | Decimal):
        raise BadValue("not_a_number", f"{show(value)} is not a number")
    if strict and isinstance(value, bool):
        raise BadValue("truth_value", f"{str(value).lower()} is no number: write 1 or 0")
    if strict and value != value:
        raise BadValue("not_a_number", "is NaN: leave it out or write null")
    return _finite(value)


def _read_word(value: object) -> str | None:
    if isinstance(value, list | dict | bytes):
        raise BadValue("nested", "is a list or an object")
    text = as_text(value)
    if text is not None and "\0" in text:
        raise BadValue("zero_byte", "contains a zero byte")
    return text


def _read_time(value: object, day_first: bool | None) -> datetime | None:
    at = _parse_time(value, day_first)
    if at is None:
        return None
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _judge_text(text: str) -> ValueKind:
    if not text:
        return ValueKind.MISSING
    if text.lower() in MISSING_WORDS:
        return ValueKind.MISSING_WORD
    if _is_number(text) or text.lower() in ("true", "false"):
        return ValueKind.NUMBER
    return ValueKind.COMMA_NUMBER if _COMMA_NUMBER.fullmatch(text) else ValueKind.WORD


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python reads 1_000; nobody's file means it


def _read_number_text(text: str) -> float | None:
    if not text or text.lower() in MISSING_WORDS:
        return None
    if _is_number(text):
        return _finite(float(text))
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    if _COMMA_NUMBER.fullmatch(text):
        raise BadValue(
            "decimal_comma",
            f"{show(text)} has a comma: write numbers with a decimal point and no thousands "
            "separator, as in 3.5",
        )
    raise BadValue("not_a_number", f"{show(text)} is not a number")


def _finite(value: int | float | Decimal) -> float | None:
    number = _to_float(value)
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise BadValue("infinite", "is infinite: leave the value empty where it is unknown")
    return number


def _to_float(value: int | float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _parse_time(value: object, day_first: bool | None = None) -> datetime | None:
    """Return the time of a value, without a zone if the value states none."""
    if value is None:
        return None
    if isinstance(value, str):
        return _parse_time_text(value.strip(), day_first)
    if isinstance(value, datetime):
        return _plausible(value, value)
    if isinstance(value, date):
        return _plausible(datetime(value.year, value.month, value.day), value)  # noqa: DTZ001
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return None if value != value else _since_1970(_to_float(value), value)
    raise BadValue("not_a_time", _no_time(value))


def _parse_time_text(text: str, day_first: bool | None) -> datetime | None:
    if not text or text.lower() in MISSING_WORDS:
        return None
    if text.isdigit() and len(text) != 8:  # eight digits are a day such as 20260302
        return _since_1970(float(text), text)
    for read in (datetime.fromisoformat, _parse_other_time):
        at = _attempt(read, text)
        if at is not None:
            return _plausible(at, text)
    if _is_number(text):
        return _since_1970(float(text), text)
    parts = _DAY_AND_MONTH.match(text)
    if parts is not None and day_first is None:
        raise BadValue(
            "ambiguous_time",
            f"{show(text)} may be day/month or month/day: write times as 2026-02-01 or "
            "2026-02-01T14:30:00Z",
        )
    if parts is not None and day_first is not None:
        at = _attempt(datetime.fromisoformat, _put_year_first(text, parts, day_first))
        if at is not None:
            return _plausible(at, text)
    raise BadValue("not_a_time", _no_time(text))


def _put_year_first(text: str, parts: re.Match[str], day_first: bool) -> str:
    day, month = parts["first"], parts["second"]
    if not day_first:
        day, month = month, day
    year = parts["year"] if len(parts["year"]) == 4 else f"20{parts['year']}"
    return _write_time(year, month, day, text[parts.end() :])


def _write_time(year: str, month: str, day: str, clock: str) -> str:
    """Return the ISO 8601 form of a time, also from a clock of twelve hours."""
    clock = clock.strip(" T,")
    half = _HALF_DAY.fullmatch(clock)
    if half is not None:
        hour = int(half["hour"]) % 12 + (12 if half["half"] in "Pp" else 0)
        clock = f"{hour}{half['rest'] or ':00'}"
    clock = f" {clock.rjust(len(clock) + (clock[1:2] == ':'), '0')}" if clock else ""
    return f"{year}-{month:0>2}-{day:0>2}{clock}"


def _attempt(read: Callable[[str], datetime], text: str) -> datetime | None:
    try:
        return read(text)
    except ValueError:
        return None


def _parse_other_time(text: str) -> datetime:
    """Parse a time with slashes, a spaced offset, UTC or GMT, a named month, or as in mail."""
    if _MAIL_DATE.match(text):
        return parsedate_to_datetime(text)
    cleaned = _SPACED_OFFSET.sub(r"\1", text)
    for zone in (" UTC", " GMT", " Z"):
        if cleaned.endswith(zone):
            cleaned = cleaned.removesuffix(zone) + "+00:00"
    found = _YEAR_FIRST.fullmatch(cleaned)
    if found is not None and (found["day"] or found["between"] != "."):  # 2026.5 is a number
        year, month, day = found["year"], found["month"], found["day"] or "1"
        return datetime.fromisoformat(_write_time(year, month, day, found["clock"]))
    if cleaned[:4].isdigit():
        return datetime.fromisoformat(cleaned.replace(" W", "-W"))
    return datetime.fromisoformat(_number_month(cleaned))


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
    year = year if len(year) == 4 else f"{19 if year >= '69' else 20}{year}"
    return _write_time(year, str(number), day or "1", found["clock"])


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
