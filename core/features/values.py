"""Raw feature values of any origin as a number, a level, or nothing."""

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from core.domain.sample import LARGEST, NAN, read_level, read_number

if TYPE_CHECKING:
    import pandas as pd


_PLAIN = frozenset({float, bool, type(None)})
"""Types that numpy converts to the same numbers as `to_number`, a whole column at once."""


def to_number(value: object) -> float:
    """Return the number that a value is or spells, nan if there is none or it is beyond `LARGEST`,
    as `core.domain.sample` does, also for numpy's scalars.

    >>> to_number(np.int64(3)), to_number(" 2.5 "), to_number(np.bool_(True)), to_number(None)
    (3.0, 2.5, 1.0, nan)
    >>> to_number(-3.4e38), to_number(1e39)
    (-3.4e+38, nan)
    """
    number = read_number(value.item() if isinstance(value, np.generic) else value)
    return number if -LARGEST <= number <= LARGEST else NAN


def to_level(value: object) -> str | None:
    """Return the category that a value names, or None if it is missing, in the same way.

    >>> to_level(" red "), to_level(np.float64(1)), to_level("1.0"), to_level(np.nan)
    ('red', '1', '1', None)
    """
    return read_level(value.item() if isinstance(value, np.generic) else value)


def column_names(rows: "Sequence[Mapping[str, object]] | pd.DataFrame") -> list[str]:
    """Return the column names of a frame in their order, or all keys of mappings, sorted.

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
    """Return a column as numbers, shape (n_rows,), each as `to_number` gives it.

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
    numbers[~(np.abs(numbers) <= LARGEST)] = NAN
    return numbers


def levels_of(rows: "Sequence[Mapping[str, object]] | pd.DataFrame", name: str) -> list[str | None]:
    """Return a column as levels, each as `to_level` gives it. Equal texts are read once.

    >>> levels_of([{"a": 1}, {"a": "x"}, {}], "a")
    ['1', 'x', None]
    """
    values = _column(rows, name)
    of_text = {text: to_level(text) for text in {value for value in values if type(value) is str}}
    return [of_text[value] if type(value) is str else to_level(value) for value in values]


def check_rows(rows: object) -> None:
    """Raise `TypeError` for anything but a frame or a sequence of mappings.

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
    """Return a frame's column or an array if it holds numbers, else a list; all missing if the name
    is unknown."""
    if not _is_frame(rows):
        return [row.get(name) for row in rows]
    if name not in rows.columns:
        return [None] * len(rows)
    column = rows[name]
    if isinstance(column, list | array | np.ndarray):  # of `core.domain.batch.Columns`
        return column
    return column if column.dtype.kind in "fiub" else column.tolist()


def _is_frame(rows: object) -> bool:
    """Return whether it is a frame, without importing pandas, which a server that scores mappings
    never needs."""
    return hasattr(rows, "columns")
