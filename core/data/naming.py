"""Columns that name a row or a moment instead of describing it; pure."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.data.distinct import count_distinct

_MIN_ROWS = 50
_ALL_DIFFERENT = 0.99
_WORDY = 0.95
_DENSE = 1.5
_ORDERED = 0.9999
_MAX_RANKED = 20_000  # rows, evenly thinned: an order shows in these


def judge_naming(column: pd.Series, at: pd.Series | None) -> str | None:
    """How a column names rows, or None: words that are different in nearly every row, whole numbers
    that count the rows (all different and with hardly a gap), or numbers that follow the rows'
    times `at` (rank correlation above 0.9999).

    >>> judge_naming(pd.Series(np.arange(100) + 7), None)
    'counts the rows'
    >>> judge_naming(pd.Series(np.arange(100) % 9), None) is None
    True
    """
    known = column.dropna()
    n = len(known)
    if n < _MIN_ROWS or n < _WORDY * len(column):
        return None
    if not pd.api.types.is_numeric_dtype(known):
        different = known.nunique() >= _ALL_DIFFERENT * n
        return "is different in nearly every row" if different else None
    values = known.to_numpy("f8")
    whole = bool(np.all(values == np.floor(values)))
    if whole and np.ptp(values) < _DENSE * n and count_distinct(values) == n:
        return "counts the rows"
    if at is None or not _follows(values, at[known.index]):
        return None
    return "follows the time of the rows" if count_distinct(values) >= _WORDY * n else None


def _follows(values: NDArray[np.float64], at: pd.Series) -> bool:
    step = -(-len(values) // _MAX_RANKED)
    values, times = values[::step], at.astype("int64").to_numpy()[::step]
    if np.ptp(values) == 0 or np.ptp(times) == 0:  # what never changes has no order
        return False
    return abs(float(np.corrcoef(rankdata(values), rankdata(times))[0, 1])) > _ORDERED


def count_single_levels(column: pd.Series) -> int:
    """How many categories of a column stand in one row only; 0 for numbers.

    >>> count_single_levels(pd.Series(["a", "a", "b", None]))
    1
    """
    if pd.api.types.is_numeric_dtype(column):
        return 0
    return int((column.value_counts() == 1).sum())
