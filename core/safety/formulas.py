"""Texts that a spreadsheet would run as a formula: written with a quote before, and read without.

The rule, for a cell that is no number: where it starts with any quotes and spaces, and then one of
`= + - @`, a tab, a carriage return, a line feed or the wide forms of these, one more quote goes
before it. Where a cell that is read starts with a quote and goes on like that, one quote goes. So
what is written reads back as it was, whatever it was (the list is OWASP's, "CSV Injection")."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

Cell = TypeVar("Cell")

_FORMULA = re.compile(r"(?:'| )*[=+\-@\t\r\n＝＋－＠]")
_FIRST = frozenset("' =+-@\t\r\n＝＋－＠")  # what a cell begins with that the pattern may match
_DEFUSED = re.compile(r"'" + _FORMULA.pattern)
_AMOUNT = re.compile(r" *[-+][\d.][\w.,% ]*(?:e[-+]\d+)?", re.ASCII | re.IGNORECASE)


def defuse(cell: Cell) -> Cell | str:
    """Return a cell as a spreadsheet may have it. A number stays as it is, and an amount such as
    `-0.5 points`, of which no formula can be made.

    >>> defuse("=1+1"), defuse("-5"), defuse("+3 %"), defuse(-5.0), defuse("'=1"), defuse("it's")
    ("'=1+1", '-5', '+3 %', -5.0, "''=1", "it's")
    """
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _AMOUNT.fullmatch(cell):
        return cell
    return f"'{cell}"


def defuse_all(cells: Iterable[object]) -> list[object]:
    """Return cells as `defuse` does.

    >>> defuse_all([1.5, "=1", "a", None])
    [1.5, "'=1", 'a', None]
    """
    return [
        defuse(cell) if isinstance(cell, str) and cell[:1] in _FIRST else cell for cell in cells
    ]


def restore(cell: str) -> str:
    """Return a cell as it was before `defuse`.

    >>> restore("'=1+1"), restore("''=1"), restore("'tis"), restore("-5")
    ('=1+1', "'=1", "'tis", '-5')
    """
    return cell[1:] if _DEFUSED.match(cell) else cell


def restore_all(cells: Sequence[str]) -> Sequence[str]:
    """Return cells as `restore` does, or these where there is nothing to restore.

    >>> restore_all(("'=1", "a")), restore_all(("a", "b"))
    (['=1', 'a'], ('a', 'b'))
    """
    if any(cell.startswith("'") for cell in cells):
        return [restore(cell) for cell in cells]
    return cells
