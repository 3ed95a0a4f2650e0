"""What a raw feature value means, wherever it comes from: a number, a level, or nothing."""

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from core.domain.sample import NAN, read_level, read_number

if TYPE_CHECKING:
    import pandas as pd


_PLAIN = frozenset({float, bool, type(None)})
"""Types that numpy makes the same numbers of as `to_number`, all of a column at once."""


def to_number(value: object) -> float:
    """The number that a value is or writes, nan where there is none: `core.domain.sample`, and
    numpy's scalars beside Python's.

    >>> to_number(np.int64(3)), to_number(" 2.5 "), to_number(np.bool_(True)), to_number(None)
    (3.0, 2.5, 1.0, nan)
    """
    return read_number(value.item() if isinstance(value, np.generic) else value)


def to_level(value: object) -> str | None:
    """The category that a value names, or None where it is missing, in the same way.

    >>> to_level(" red "), to_level(np.float64(1)), to_level("1.0"), to_level(np.nan)
    ('red', '1', '1', None)
    """
    return read_level(value.item() if isinstance(value, np.generic) else value)


def column_names(rows: "Sequence[Mapping[str, object]] | pd.DataFrame") -> list[str]:
    """The names of a frame's columns in their order, or of all keys of mappings, sorted.

    >>> column_names([{"b": 1}, {"a": None}])
    ['a', 'b']
    """
    columns: Any = getattr(rows, "columns", None)
    if columns is not None:
        return [str(name) for name in columns]
    return sorted({name for row in cast("Sequence[Mapping[str, object]]", rows) for name in row})


def numbers_of(
    rows: "Sequence[Mapping[str, object]] | pd.DataFrame", name: str
) -> NDArray[np.float64]:
    """A column as numbers, shape (n_rows,); nan where `to_number` says so.

    >>> numbers_of([{"a": "1"}, {}], "a")
    array([ 1., nan])
    """
    values = _column(rows, name)
    if isinstance(values, array | np.ndarray):
        numbers = np.array(values, dtype=np.float64)
    elif not isinstance(values, list):  # a frame's: numbers already
        numbers = values.to_numpy(dtype=np.float64, na_value=NAN, copy=True)
    elif _PLAIN.issuperset(map(type, values)):
        numbers = np.array(values, dtype=np.float64)
    else:
        return np.array([to_number(value) for value in values], dtype=np.float64)
    numbers[~np.isfinite(numbers)] = NAN
    return numbers


def levels_of(rows: "Sequence[Mapping[str, object]] | pd.DataFrame", name: str) -> list[str | None]:
    """A column as levels; None where `to_level` says so. A text is read once, however often it
    stands there.

    >>> levels_of([{"a": 1}, {"a": "x"}, {}], "a")
    ['1', 'x', None]
    """
    values = _column(rows, name)
    of_text = {text: to_level(text) for text in {value for value in values if type(value) is str}}
    return [of_text[value] if type(value) is str else to_level(value) for value in values]


def check_rows(rows: object) -> None:
    """Raise `TypeError` for what is neither a frame nor a sequence of mappings.

    >>> check_rows([{"a": 1}])
    """
    if hasattr(rows, "columns"):
        return
    if (
        isinstance(rows, str | bytes | Mapping)
        or not isinstance(rows, Sequence)
        or not all(isinstance(row, Mapping) for row in rows)
    ):
        raise TypeError(
            f"Rows are a frame or a sequence of mappings, and this is {type(rows).__name__}."
        )


def _column(rows: Any, name: str) -> Any:
    """A frame's column or an array, of numbers, or a list; all missing where there is no such
    name."""
    if not _is_frame(rows):
        return [row.get(name) for row in rows]
    if name not in rows.columns:
        return [None] * len(rows)
    column = rows[name]
    if isinstance(column, list | array | np.ndarray):  # of `core.domain.batch.Columns`
        return column
    return column if column.dtype.kind in "fiub" else column.tolist()


def _is_frame(rows: object) -> bool:
    """Without importing pandas, which a server that scores mappings never needs."""
    return hasattr(rows, "columns")
