"""Read one raw value of a file, a table or a request as a number, a word or a time; pure."""

import re
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, overload

from core.data.parsing.notation import MISSING_WORDS, NULL_WORDS, PLAIN, BadValue, Notation, show
from core.data.parsing.number_parser import is_number, read_number_text, split_number, to_finite
from core.data.parsing.time_parser import read_time

_EXACT = 2**53
"""Above it a float does not hold every whole number: two may have become one."""

_FLOATED = re.compile(r"(?P<whole>-?(?:0|[1-9]\d{0,15}))\.0+")  # as a float is written
_ROUNDED = re.compile(r"-?\d(?:\.\d+)?[eE]\+\d+")  # a float above 1e16


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
    WRITTEN = "written"  # a number with a unit, thousands separators or a decimal comma
    WORD = "word"
    TIME = "time"
    NESTED = "nested"  # a list, an object, or bytes


def judge_value(value: object) -> ValueKind:
    """Return the type of a value, before its column is known.

    >>> [str(judge_value(v)) for v in ("3.5", "3,5", "$5", "n/a", "", "blue", [1], True)]
    ['number', 'written', 'written', 'missing_word', 'missing', 'word', 'nested', 'number']
    """
    if value is None:
        return ValueKind.MISSING
    if isinstance(value, str):
        return _judge_text(value.strip())
    if isinstance(value, int | float | Decimal):  # a truth value is an int
        return ValueKind.MISSING if value != value else ValueKind.NUMBER
    if isinstance(value, date):  # a datetime is a date, and NaT is a datetime
        return ValueKind.MISSING if value != value else ValueKind.TIME
    return ValueKind.NESTED


@overload
def read_cell(
    value: object, kind: Literal[ColumnKind.NUMBER], *, strict: bool = False
) -> float | None: ...
@overload
def read_cell(value: object, kind: Literal[ColumnKind.CATEGORY, ColumnKind.TEXT]) -> str | None: ...
@overload
def read_cell(
    value: object, kind: Literal[ColumnKind.TIME], *, notation: Notation = PLAIN
) -> datetime | None: ...
@overload
def read_cell(
    value: object, kind: ColumnKind, *, strict: bool = False, notation: Notation = PLAIN
) -> float | str | datetime | None: ...


def read_cell(
    value: object, kind: ColumnKind, *, strict: bool = False, notation: Notation = PLAIN
) -> float | str | datetime | None:
    """Return the number, word or time of a raw value; None if it is missing.

    NUMBER: a finite number, also with a unit (62.5% is 62.5), thousands separators or a decimal
    comma; what has two meanings needs the `notation` of its column. NaN and words such as `n/a` are
    missing; true and false are 1 and 0. With `strict` a truth value and NaN are refused, as in a
    request for a score.
    CATEGORY, TEXT: the value as text (see `as_text`), without a zero byte; a category is the same
    however a program writes it.
    TIME: aware UTC. Read are ISO 8601 with any offset or zone (without one it is UTC), month names,
    clocks of twelve hours, a month or an ISO week for its first day, digits such as 202603021430,
    and seconds, milliseconds, microseconds or nanoseconds since 1970. 01/02/2026 and 2026030214
    need the `notation` of their column.
    Raises `BadValue` for anything else.

    >>> read_cell(" 0.50 ", ColumnKind.NUMBER), read_cell("NaN", ColumnKind.NUMBER)
    (0.5, None)
    >>> read_cell("-$1,166.38", ColumnKind.NUMBER)
    -1166.38
    >>> read_cell(7.0, ColumnKind.CATEGORY), read_cell("7.0", ColumnKind.CATEGORY)
    ('7', '7')
    >>> read_cell("2026-03-02T14:00:00+02:00", ColumnKind.TIME).isoformat()
    '2026-03-02T12:00:00+00:00'
    >>> of_days = Notation(day_first=True)
    >>> read_cell("16/12/2006 17:24:00", ColumnKind.TIME, notation=of_days).isoformat()
    '2006-12-16T17:24:00+00:00'
    """
    if kind is ColumnKind.NUMBER:
        return _read_number(value, strict, notation)
    if kind is ColumnKind.TIME:
        return read_time(value, notation)
    return _read_text(value) if kind is ColumnKind.TEXT else _read_word(value)


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
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def as_word(value: object) -> str | None:
    """Return the category, id or group that a value names: one text for all the ways in which
    programs write it, None if it is missing. Leading zeros stay.

    >>> as_word("1043.0"), as_word(1043), as_word("00123"), as_word("True"), as_word("NaN")
    ('1043', '1043', '00123', 'true', None)
    """
    text = as_text(value)
    if text is None or not isinstance(value, str):
        return text
    if text[-1] == "0":
        found = _FLOATED.fullmatch(text)
        return text if found is None else found["whole"].replace("-0", "0")
    lowered = text.lower()
    if lowered in NULL_WORDS:
        return None
    return lowered if lowered in ("true", "false") else text


def _read_number(value: object, strict: bool, notation: Notation) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        number = read_number_text(value.strip(), notation)
        return None if number is None else to_finite(number)
    if not isinstance(value, int | float | Decimal):
        if value != value:  # NaT
            return None
        raise BadValue("not_a_number", f"{show(value)} is not a number")
    if strict and isinstance(value, bool):
        raise BadValue("truth_value", f"{str(value).lower()} is no number: write 1 or 0")
    if strict and value != value:
        raise BadValue("not_a_number", "is NaN: leave it out or write null")
    return to_finite(value)


def _read_text(value: object) -> str | None:
    if isinstance(value, list | dict | bytes):
        raise BadValue("nested", "is a list or an object")
    text = as_text(value)
    if text is not None and "\0" in text:
        raise BadValue("zero_byte", "contains a zero byte")
    return text


def _read_word(value: object) -> str | None:
    _read_text(value)
    word = as_word(value)
    if word is not None and _is_rounded(value, word):
        raise BadValue(
            "rounded_number",
            f"{show(word)} is a whole number of more than 15 digits that was saved with a decimal "
            "point, so that its last digits are lost: save the column as text",
        )
    return word


def _is_rounded(value: object, word: str) -> bool:
    """Return whether a value names a number whose last digits a float could not hold."""
    if isinstance(value, float):
        return abs(value) >= _EXACT and value.is_integer()
    if not isinstance(value, str):
        return False
    if _ROUNDED.fullmatch(word):
        return float(word) >= _EXACT
    return value.strip() != word and word.lstrip("-").isdigit() and abs(int(word)) >= _EXACT


def _judge_text(text: str) -> ValueKind:
    if not text:
        return ValueKind.MISSING
    lowered = text.lower()
    if lowered in MISSING_WORDS:
        return ValueKind.MISSING if lowered in NULL_WORDS else ValueKind.MISSING_WORD
    if is_number(text) or lowered in ("true", "false"):
        return ValueKind.NUMBER
    return ValueKind.WORD if split_number(text) is None else ValueKind.WRITTEN
