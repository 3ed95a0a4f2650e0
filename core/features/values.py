"""What a raw feature value means, wherever it comes from: a number, a level, or nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")


def to_number(value: object) -> float:
    """The number that a value is or writes; nan where it is missing, infinite or no number.

    True is 1 and False 0; a text counts where Python reads it as a finite number.

    >>> to_number(3), to_number(" 2.5 "), to_number(True), to_number("1e3")
    (3.0, 2.5, 1.0, 1000.0)
    >>> [to_number(value) for value in (None, "", "high", "nan", float("inf"), [1])]
    [nan, nan, nan, nan, nan, nan]
    """
    if isinstance(value, float | int | str | np.number | np.bool_):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return NAN
        return number if math.isfinite(number) else NAN
    return NAN


def to_level(value: object) -> str | None:
    """The category that a value names, or None where it is missing.

    Numbers, and texts that write one, name the same level however they are written.

    >>> to_level(" red "), to_level(1), to_level("1.0"), to_level(True), to_level(0.5)
    ('red', '1', '1', '1', '0.5')
    >>> to_level(None), to_level(" "), to_level(float("nan")), to_level([1])
    (None, None, None, None)
    """
    number = to_number(value)
    if not math.isnan(number):
        return f"{number:.15g}"
    return value.strip() or None if isinstance(value, str) else None


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
    if not isinstance(values, list) and values.dtype.kind in "fiub":  # a frame's: numbers already
        numbers = values.to_numpy(dtype=np.float64, na_value=NAN, copy=True)
        numbers[~np.isfinite(numbers)] = NAN
        return np.asarray(numbers)
    return np.array([to_number(value) for value in values], dtype=np.float64)


def levels_of(rows: "Sequence[Mapping[str, object]] | pd.DataFrame", name: str) -> list[str | None]:
    """A column as levels; None where `to_level` says so.

    >>> levels_of([{"a": 1}, {"a": "x"}, {}], "a")
    ['1', 'x', None]
    """
    return [to_level(value) for value in _column(rows, name)]


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
    """A frame's column, or a list; all missing where there is no such name."""
    if not _is_frame(rows):
        return [row.get(name) for row in rows]
    if name not in rows.columns:
        return [None] * len(rows)
    column = rows[name]
    return column if column.dtype.kind in "fiub" else column.tolist()


def _is_frame(rows: object) -> bool:
    """Without importing pandas, which a server that scores mappings never needs."""
    return hasattr(rows, "columns")
