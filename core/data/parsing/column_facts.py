"""The facts about a column's first values that its role is guessed from; pure."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.data.parsing.cell_parser import ColumnKind, as_word, read_cell
from core.data.parsing.column_types import ColumnScan, read_column
from core.data.parsing.notation import PLAIN, BadValue, Notation
from core.data.parsing.role_names import is_key_name, is_time_name, rank_target, snake_case
from core.data.parsing.time_parser import TimeForm

N_QUANTILES = 20
"""A preview keeps every twentieth part of a column's numbers."""

READABLE = 0.9
"""A column is one of times where at least this share of its values is readable as such."""

_WORDS = (ColumnKind.CATEGORY, ColumnKind.TEXT)
_MIN_COUNTED, _MIN_DENSE, _MIN_LEVELS, _MOSTLY = 20, 50, 5, 0.5
_LOOKED_AT = 200  # values that are tried as times
_STEADY = 0.95  # of the steps from row to row
_LAGS = (1, 2, 3, 7, 12, 24)
_PROBE = 5  # rows
_MIN_LAG_ROWS, _LAG_SHARE = 30, 0.95
_WIDE_LETTERS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_CODE = re.compile(r"(?=.*\d)(?=.*[^\W\d_]|.*[:#/-])[\w.:@#/+=-]+")
_MIN_WIDE = 8  # letters of a script without spaces, or with long words, are several words


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """The properties of a column in the first rows; shares are of the values that are there."""

    name: str
    kind: ColumnKind
    n_rows: int
    n_missing: int
    n_distinct: int
    share_times: float = 0.0  # readable as a time
    share_numbers: float = 0.0  # readable as a number
    share_wordy: float = 0.0  # of several words
    whole: bool = False  # every value is a whole number
    counting: bool = False  # whole numbers that go up, or down, by one from row to row
    quantiles: tuple[float, ...] = ()  # 21 of the numbers, from the lowest to the highest
    length: int = 0  # the mean length of the values, in characters
    coded: bool = False  # words with a digit and without a space, as keys are
    is_index: bool = False  # the file says that it is the index of a table
    example: str | None = None

    @property
    def n_present(self) -> int:
        """Return the number of rows with a value."""
        return self.n_rows - self.n_missing

    @property
    def unique(self) -> bool:
        """Return whether no value repeats, and hardly one is missing."""
        return 1 < self.n_distinct == self.n_present >= 0.95 * self.n_rows

    @property
    def dense(self) -> bool:
        """Return whether the values are different whole numbers from about 0 on with hardly a gap,
        as places in a list are."""
        if not (self.unique and self.whole and self.quantiles):
            return False
        low, high = self.quantiles[0], self.quantiles[-1]
        return 0 <= low < max(2, 0.5 * self.n_rows) and high - low < 1.5 * self.n_rows


def describe_column(
    name: str,
    values: Sequence[object],
    scan: ColumnScan,
    *,
    notation: Notation = PLAIN,
    is_index: bool = False,
) -> ColumnFacts:
    """Return the facts about a column; `scan` has read the same values, and `notation` is how it
    writes its numbers.

    >>> values = ["1", "2", "3"]
    >>> scan = ColumnScan()
    >>> scan.add(values)
    >>> facts = describe_column("n", values, scan)
    >>> facts.unique, facts.counting, facts.quantiles[0], facts.quantiles[-1]
    (True, True, 1.0, 3.0)
    """
    is_number = scan.kind is ColumnKind.NUMBER
    texts = _list_texts(values[:_LOOKED_AT] if is_number else values)
    read, _ = read_column(values, ColumnKind.NUMBER, notation)
    numbers = [number for number in read if number is not None]
    whole = is_number and bool(numbers) and all(n % 1 == 0 for n in numbers)
    n_present = max(len(values) - scan.n_missing, 1)
    n_distinct = len(set(numbers)) if is_number else len(set(texts))
    shown = texts[:_LOOKED_AT]
    # 45,000 is a day of a spreadsheet, and a price: numbers are times only by name
    may_be_times = not is_number or is_time_name(snake_case(name))
    return ColumnFacts(
        name=name,
        kind=scan.kind,
        n_rows=len(values),
        n_missing=scan.n_missing,
        n_distinct=n_distinct,
        share_times=_share_times(values) if may_be_times else 0.0,
        share_numbers=len(numbers) / n_present,
        share_wordy=sum(map(_is_wordy, shown)) / max(len(shown), 1),
        whole=whole,
        counting=whole and len(numbers) == len(values) > 1 and _counts(numbers),
        quantiles=_quantiles(numbers),
        length=sum(map(len, shown)) // max(len(shown), 1),
        coded=bool(shown) and all(_is_coded(text) for text in shown),
        is_index=is_index,
        example=scan.example,
    )


def find_lags(
    columns: Mapping[str, Sequence[object]], facts: Sequence[ColumnFacts]
) -> dict[str, str]:
    """Return the columns of numbers that hold what another held some rows before, each with the
    name of that other.

    >>> y = [float(n * n % 101) for n in range(40)]
    >>> scans = {"y": ColumnScan(), "before": ColumnScan()}
    >>> columns = {"y": y, "before": [None, *y[:-1]]}
    >>> for name, scan in scans.items(): scan.add(columns[name])
    >>> find_lags(columns, [describe_column(n, columns[n], scans[n]) for n in columns])
    {'before': 'y'}
    """
    numbers = {
        fact.name: read_column(columns[fact.name], ColumnKind.NUMBER)[0]
        for fact in facts
        if fact.kind is ColumnKind.NUMBER
        and fact.n_distinct > max(10, 0.1 * fact.n_present)
        and not fact.counting
    }
    found: dict[str, str] = {}
    for start in _list_probes(len(next(iter(numbers.values()), ()))):
        holders: dict[tuple[float | None, ...], list[str]] = {}
        for name, values in numbers.items():
            holders.setdefault(tuple(values[start : start + _PROBE]), []).append(name)
        for name, later in numbers.items():
            for lag in _LAGS:
                place = start + lag
                for other in holders.get(tuple(later[place : place + _PROBE]), ()):
                    if other != name and _is_lag(later, numbers[other], lag):
                        found.setdefault(name, other)
    return {name: found[name] for name in numbers if name in found}


def is_free_text(column: ColumnFacts) -> bool:
    """Return whether a column holds text: long words, or several words that hardly repeat."""
    if column.kind is ColumnKind.TEXT:
        return True
    return (
        column.kind is ColumnKind.CATEGORY
        and column.share_wordy >= _MOSTLY
        and column.n_present >= _MIN_LEVELS
        and column.n_distinct > _MOSTLY * column.n_present
        and column.share_times < READABLE
    )


def is_time(column: ColumnFacts) -> bool:
    """Return whether a column holds times."""
    return column.share_times >= READABLE


def is_unread_time(column: ColumnFacts) -> bool:
    """Return whether a column is named like a time and holds values that are none. Numbers are
    features under a name such as `review_time`, so that only the plainest names count there."""
    key = snake_case(column.name)
    if column.share_times >= READABLE or column.kind in (ColumnKind.EMPTY, ColumnKind.NESTED):
        return False
    if column.kind is ColumnKind.NUMBER:
        plain = set(key.split("_")) & {"timestamp", "datetime", "date"} or key in ("time", "ts")
        return bool(plain) and is_time_name(key)
    return is_time_name(key) and key not in ("day", "at")


def counts_rows(column: ColumnFacts) -> bool:
    """Return whether a column without a name that says so holds the places of rows: whole numbers
    in order from about 0 on, or different ones with hardly a gap."""
    key = snake_case(column.name)
    if is_key_name(key) or is_time_name(key) or rank_target(key) is not None:
        return False
    in_order = column.counting and column.dense and column.n_rows >= _MIN_COUNTED
    return in_order or (column.dense and column.n_rows >= _MIN_DENSE)


def _list_probes(n: int) -> list[int]:
    """Return the places at which columns are compared first, so that few are compared whole."""
    return [n * part // 5 for part in (1, 2, 3)] if n >= _MIN_LAG_ROWS else []


def _is_lag(later: Sequence[float | None], values: Sequence[float | None], lag: int) -> bool:
    pairs = [(a, b) for a, b in zip(later[lag:], values, strict=False) if a is not None]
    enough = len(pairs) >= _MIN_LAG_ROWS
    return enough and sum(a == b for a, b in pairs) >= _LAG_SHARE * len(pairs)


def _list_texts(values: Sequence[object]) -> list[str]:
    plain = (str(value) if isinstance(value, list | dict | bytes) else value for value in values)
    return [text for value in plain if (text := as_word(value)) is not None]


def _share_times(values: Sequence[object]) -> float:
    there = [value for value in values[:_LOOKED_AT] if value is not None and value != ""]
    form = TimeForm()
    form.add(there)
    return sum(_is_time(v, form.notation) for v in there) / len(there) if there else 0.0


def _is_time(value: object, notation: Notation) -> bool:
    try:
        return read_cell(value, ColumnKind.TIME, notation=notation) is not None
    except BadValue as error:
        return error.code == "ambiguous_time"  # meant as one; the import says how to write it


def _is_wordy(text: str) -> bool:
    return len(text.split()) > 1 or len(_WIDE_LETTERS.findall(text)) >= _MIN_WIDE


def _is_coded(text: str) -> bool:
    return _CODE.fullmatch(text) is not None


def _counts(numbers: Sequence[float]) -> bool:
    """Return whether nearly all steps are by one, in one direction; tables put one below another
    begin anew."""
    steps = Counter(b - a for a, b in pairwise(numbers))
    return max(steps[1], steps[-1]) >= _STEADY * (len(numbers) - 1)


def _quantiles(numbers: Sequence[float]) -> tuple[float, ...]:
    ordered, last = sorted(numbers), len(numbers) - 1
    return (
        tuple(ordered[last * part // N_QUANTILES] for part in range(N_QUANTILES + 1))
        if ordered
        else ()
    )
