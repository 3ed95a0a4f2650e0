"""The place of a table among rows of cells: titles above its header, totals below it; pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from core.data.parsing.cell_parser import ValueKind, judge_value
from core.errors import InvalidInput

ROWS_LOOKED_AT = 50
"""Rows from the top of a file within which its header has to be."""

_TOTAL = re.compile(
    r"(?:grand |sub-?)?(?:totals?|totale|totaal|sums?|suma|somme|summe|gesamt(?:summe)?|average"
    r"|mean|moyenne|mittelwert|durchschnitt)\s*:?",
    re.IGNORECASE,
)
_MOST = 0.8


def find_header(rows: Sequence[Sequence[object]]) -> int:
    """Return the place of the header among the first rows: behind rows that only reach into the
    left half of the table, if the row after them names columns and most rows go on as wide.

    >>> find_header([["Report", "", ""], [], ["a", "b", "y"], [1, 2, 3], [4, 5, 6]])
    2
    >>> find_header([["a", "b"], [1, 2]]), find_header([["Dear all"], ["x", "y"], ["z"]])
    (0, 0)
    """
    widths = [width(row) for row in rows]
    usual = Counter(n for n in widths if n > 1).most_common()
    if not usual:
        return 0
    most_common = max(n for n, times in usual if times == usual[0][1])
    start = next(place for place, n in enumerate(widths) if n > most_common / 2)
    below = [n for n in widths[start + 1 :] if n]
    goes_on = sum(n > most_common / 2 for n in below) >= _MOST * len(below) > 0
    return start if goes_on and _names_columns(rows[start]) else 0


def width(row: Sequence[object]) -> int:
    """Return the number of cells up to the last that is not blank.

    >>> width(["a", "", "b", "", None])
    3
    """
    return next((n for n in range(len(row), 0, -1) if not is_blank(row[n - 1])), 0)


def is_blank(cell: object) -> bool:
    """Return whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def is_total(row: Sequence[object]) -> bool:
    """Return whether a row says that it sums up those above it.

    >>> is_total(["Total", "", "340"]), is_total(["", "Sum:", "3"]), is_total(["red", "Total"])
    (True, True, False)
    """
    first = next((cell for cell in row if not is_blank(cell)), None)
    return isinstance(first, str) and _TOTAL.fullmatch(first.strip()) is not None


_Record = TypeVar("_Record", bound="Sequence[Any] | str")


def mark_totals(records: Iterable[_Record]) -> Iterator[tuple[int, _Record, bool]]:
    """Yield each record (cells, or why it has none) with its number, and whether it is one of the
    totals that end a table.

    >>> [totals for _, _, totals in mark_totals([["Total", 3], ["a", 1], ["Total", 4]])]
    [False, False, True]
    """
    held: list[tuple[int, _Record]] = []
    for number, record in enumerate(records, start=1):
        if held if isinstance(record, str) else is_total(record):
            held.append((number, record))
            continue
        yield from ((*one, False) for one in held)
        held = []
        yield number, record, False
    yield from ((*one, True) for one in held)


def check_header(file: str, names: Sequence[str]) -> None:
    """Raise `InvalidInput` if every name is a number: the first row is no header then."""
    if all(judge_value(name) is ValueKind.NUMBER for name in names):
        raise InvalidInput(f"The first line of '{file}' holds numbers: it has to name the columns.")


def describe_above(rows: Sequence[Sequence[object]]) -> tuple[str, ...]:
    """Return the notes on the rows above a header."""
    said = [str(cell).strip() for row in rows for cell in row if not is_blank(cell)]
    if not said:
        return ()
    lines = "line above the header is" if len(rows) == 1 else "lines above the header are"
    return (f"{len(rows)} {lines} left out: '{said[0][:60]}'.",)


def _names_columns(row: Sequence[object]) -> bool:
    cells = [cell for cell in row if not is_blank(cell)]
    kinds = {judge_value(cell) for cell in cells}
    return kinds <= {ValueKind.WORD, ValueKind.MISSING_WORD}
