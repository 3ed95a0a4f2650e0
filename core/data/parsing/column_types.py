"""The type of a column, learned from its values, and its values parsed; pure."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.data.parsing.cell_parser import (
    ColumnKind,
    ValueKind,
    as_text,
    as_word,
    judge_value,
    read_cell,
)
from core.data.parsing.notation import PLAIN, BadValue, Notation, show
from core.data.parsing.number_parser import NumberForm

TEXT_LENGTH = 100
"""Words with a longer median are text."""

_MAX_CODES = 60
_ROWS_PER_CODE = 5
_CODE = re.compile(r"[A-Z]{1,3}|(?=.*\d)[\w.-]{1,12}")
_UNKNOWN = frozenset(
    ("unknown", "missing", "pending", "tbd", "-", "--", ".", "err", "error", "undefined", "inf",
     "-inf", "+inf", "infinity", "#div/0!", "#ref!", "#value!", "n.a.", "not available")
)  # fmt: skip


class ColumnScan:
    """Learns the type of a column piece by piece, in constant memory."""

    def __init__(self) -> None:
        self.n_rows = 0
        self._n: Counter[ValueKind] = Counter()
        self._examples: dict[ValueKind, object] = {}
        self._lengths: Counter[int] = Counter()
        self.numbers = NumberForm()
        self._codes: set[object] | None = set()  # the different values, while they are few

    def add(self, values: Sequence[object]) -> None:
        """Read more values."""
        self.n_rows += len(values)
        numbers = _read_plain_numbers(values)
        self._learn_codes(values if numbers is None else numbers)
        if numbers is not None:
            n_missing = numbers.count(None)
            self._n[ValueKind.MISSING] += n_missing
            self._n[ValueKind.NUMBER] += len(values) - n_missing
            self.numbers.add_plain(values, numbers)
            if n_missing < len(values):
                self._examples.setdefault(ValueKind.NUMBER, _first_present(values))
            return
        for value, n in _count(values):
            kind = judge_value(value)
            self._n[kind] += n
            self._examples.setdefault(kind, value)
            if kind is ValueKind.WORD:
                self._lengths[len(str(value))] += n
            elif kind is ValueKind.WRITTEN:
                self.numbers.add(str(value), n)
            elif kind is ValueKind.NUMBER:
                self.numbers.add_plain([value], [_find_number(value)], n)

    def _learn_codes(self, values: Sequence[object]) -> None:
        if self._codes is not None:
            try:
                self._codes.update(values)
            except TypeError:  # lists and objects cannot be counted
                self._codes = None
            else:
                self._codes = self._codes if len(self._codes) <= _MAX_CODES else None

    def skip(self, n_rows: int) -> None:
        """Count rows that lack the column or need no look."""
        self.n_rows += n_rows
        self._n[ValueKind.MISSING] += n_rows

    @property
    def n_missing(self) -> int:
        """Return the number of rows without a value."""
        among_words = self.kind in (ColumnKind.CATEGORY, ColumnKind.TEXT)
        return self._n[ValueKind.MISSING] + (0 if among_words else self._n[ValueKind.MISSING_WORD])

    @property
    def kind(self) -> ColumnKind:
        """Return number if at least 95 % of the values are numbers (true and false count, and
        62.5% and $5); other values are missing later. Return words otherwise, and for few whole
        numbers that repeat, beside a word that is a code too.

        >>> scan = ColumnScan()
        >>> scan.add(["1", "2.5", "", "n/a"])
        >>> str(scan.kind), scan.n_missing
        ('number', 2)
        >>> scan.add(["blue"])
        >>> str(scan.kind), scan.n_missing
        ('category', 1)
        """
        if self._n[ValueKind.NESTED]:
            return ColumnKind.NESTED
        if self._n[ValueKind.WORD] > self._n_numbers // 20 or self._holds_codes:
            return ColumnKind.TEXT if self.median_length > TEXT_LENGTH else ColumnKind.CATEGORY
        if self._n[ValueKind.TIME]:
            return ColumnKind.TIME
        return ColumnKind.NUMBER if self._n_numbers else ColumnKind.EMPTY

    @property
    def median_length(self) -> int:
        """Return the median length of the words, in characters; 0 without words."""
        half, seen = sum(self._lengths.values()) / 2, 0
        for length in sorted(self._lengths):
            seen += self._lengths[length]
            if seen >= half:
                return length
        return 0

    @property
    def odd_value(self) -> str | None:
        """Return an example of the few other values in a column of numbers, else None."""
        if self.kind is not ColumnKind.NUMBER or not self._n[ValueKind.WORD]:
            return None
        return show(self._examples[ValueKind.WORD])

    @property
    def _holds_codes(self) -> bool:
        """Return whether a few whole numbers and words name things: the words look like codes, or
        the numbers leave gaps as neither counts nor ratings do."""
        if not self._n[ValueKind.WORD] or self._codes is None:
            return False
        texts = {text for value in self._codes if (text := as_word(value)) is not None}
        numbers = sorted({int(text) for text in texts if text.isascii() and text.isdigit()})
        words = [text for text in texts if judge_value(text) is ValueKind.WORD]
        repeat = self._n_numbers >= _ROWS_PER_CODE * max(len(numbers), 1)
        whole = len(numbers) + len(words) >= len(texts) - _count_missing(texts)
        if not (whole and repeat and len(numbers) > 1):
            return False
        if any(word.lower() in _UNKNOWN for word in words):
            return False
        gaps = numbers[-1] - numbers[0] >= 2 * len(numbers)
        return gaps or all(_CODE.fullmatch(word) for word in words)

    @property
    def _n_numbers(self) -> int:
        return self._n[ValueKind.NUMBER] + self._n[ValueKind.WRITTEN]

    @property
    def example(self) -> str | None:
        """Return a value as text, or None if there is none."""
        for kind, value in self._examples.items():
            if kind is not ValueKind.MISSING:
                return as_text(value) if kind is not ValueKind.NESTED else show(str(value))
        return None


def find_notations(scans: Mapping[str, ColumnScan], separator: str = "") -> dict[str, Notation]:
    """Return how each column of numbers is written that is not written plainly. What a column does
    not say itself, the others of its file say, or the `separator` of its values: beside commas,
    thousands have commas.

    >>> scans = {"a": ColumnScan(), "b": ColumnScan()}
    >>> scans["a"].add(["1,234"])
    >>> scans["b"].add(["3,5"])
    >>> find_notations(scans)["a"].decimal_comma, find_notations({"a": scans["a"]})
    (True, {})
    """
    forms = {name: scan.numbers for name, scan in scans.items() if scan.kind is ColumnKind.NUMBER}
    said = {form.decimal for form in forms.values()} - {None}
    others = said.pop() if len(said) == 1 else None
    if others is None and separator == ",":
        others = "."
    chosen = {name: form.choose(others) for name, form in forms.items()}
    return {name: notation for name, notation in chosen.items() if notation != PLAIN}


def explain_unclear(scan: ColumnScan, notation: Notation) -> str | None:
    """Return why a column's numbers cannot be read, with what to do; None if they can."""
    return scan.numbers.explain(notation) if scan.kind is ColumnKind.NUMBER else None


def read_column(
    values: Sequence[object], kind: ColumnKind, notation: Notation = PLAIN
) -> tuple[list[Any], dict[int, BadValue]]:
    """Return each value as `read_cell` parses it, and the errors by place (the value there is
    None). Equal texts are parsed once.

    >>> read_column(["1", "", "inf"], ColumnKind.NUMBER)[0]
    [1.0, None, None]
    >>> read_column(["a ", "", 3.0, [1]], ColumnKind.CATEGORY)
    (['a', None, '3', None], {3: BadValue('is a list or an object')})
    """
    plain = kind is ColumnKind.NUMBER and not (notation.decimal_comma or notation.percent)
    numbers = _read_plain_numbers(values) if plain else None
    if numbers is not None:
        return numbers, {}
    texts = {value for value in values if type(value) is str}
    of_text = {text: _try_cell(text, kind, notation) for text in texts}
    read: list[Any] = []
    wrong: dict[int, BadValue] = {}
    for place, value in enumerate(values):
        found = of_text[value] if type(value) is str else _try_cell(value, kind, notation)
        if isinstance(found, BadValue):
            wrong[place], found = found, None
        read.append(found)
    return read, wrong


def _count_missing(texts: Iterable[str]) -> int:
    return sum(judge_value(text) is ValueKind.MISSING_WORD for text in texts)


def _find_number(value: object) -> float | None:
    number = _try_cell(value, ColumnKind.NUMBER, PLAIN)
    return number if isinstance(number, float) else None


def _try_cell(value: object, kind: ColumnKind, notation: Notation) -> object:
    try:
        return read_cell(value, kind, notation=notation)
    except BadValue as error:
        return error


def _read_plain_numbers(values: Sequence[object]) -> list[float | None] | None:
    """Return a column of finite numbers and missing values; None for any other column."""
    try:
        numbers = [
            None if value is None or value == "" else float(value)  # type: ignore[arg-type]
            for value in values
        ]
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(sum(filter(None, numbers))):  # drops None and 0: one pass, all in C
        return None
    kinds = set(map(type, values))
    if bytes in kinds or (str in kinds and "_" in "".join(map(str, values))):
        return None  # Python reads 1_000 and b"1"; nobody's file means them
    return numbers


def _first_present(values: Sequence[object]) -> object:
    return next((value for value in values if value is not None and value != ""), None)


def _count(values: Sequence[object]) -> Iterable[tuple[object, int]]:
    try:
        return Counter(values).items()
    except TypeError:  # lists and objects cannot be counted
        return ((value, 1) for value in values)
