"""A summary of each column: type, missing values, range and distribution; pure."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.data.parsing.cell_parser import as_text
from core.domain.dataset import RESERVED, TARGET, TARGET_NAME, ColumnSummary

SHAPE_BINS = 12


def summarize_columns(frame: pd.DataFrame) -> tuple[ColumnSummary, ...]:
    """Return a summary of the target and of each feature of a frame.

    >>> summarize_columns(pd.DataFrame({"a": ["x", "x", "y", None]}))[0].top_share.__round__(2)
    0.67
    """
    names = [name for name in frame.columns if name == TARGET or name not in RESERVED]
    return tuple(
        _summarize(TARGET_NAME if name == TARGET else str(name), frame[name]) for name in names
    )


def _summarize(name: str, column: pd.Series) -> ColumnSummary:
    is_number = pd.api.types.is_numeric_dtype(column)
    values, counts = _count_numbers(column) if is_number else _count_words(column)
    n_present = int(counts.sum())
    top = values[int(counts.argmax())] if n_present else None
    return ColumnSummary(
        name=name,
        kind="number" if is_number else "category",
        n_missing=len(column) - n_present,
        n_distinct=len(values),
        low=float(column.min()) if is_number and n_present else None,
        mean=float(column.mean()) if is_number and n_present else None,
        high=float(column.max()) if is_number and n_present else None,
        top=None if top is None else as_text(float(top) if is_number else top),
        top_share=float(counts.max()) / n_present if n_present else 0.0,
        shape=_count_ranges(column) if is_number else _count_levels(counts),
    )


def _count_numbers(column: pd.Series) -> tuple[Any, NDArray[np.int64]]:
    """Return the distinct values and their counts, by sorting: if nearly all differ, a hash table
    takes several times as long."""
    return np.unique(column.dropna().to_numpy("f8"), return_counts=True)


def _count_words(column: pd.Series) -> tuple[Any, NDArray[np.int64]]:
    codes, values = pd.factorize(column)
    return values, np.bincount(codes[codes >= 0], minlength=len(values))


def _count_ranges(column: pd.Series) -> tuple[int, ...]:
    """Count the rows in twelve equal ranges from the lowest value to the highest."""
    known = column.dropna().to_numpy("f8")
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return ()
    return tuple(int(n) for n in np.histogram(known, bins=SHAPE_BINS)[0])


def _count_levels(counts: NDArray[np.int64]) -> tuple[int, ...]:
    """Count the rows of the twelve most common values, the most common first."""
    return tuple(int(n) for n in np.sort(counts)[::-1][:SHAPE_BINS])
