"""Columns that name a row or a moment instead of describing it; pure."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

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
    n_distinct = known.nunique()
    if not pd.api.types.is_numeric_dtype(known):
        return "is different in nearly every row" if n_distinct >= _ALL_DIFFERENT * n else None
    values = known.to_numpy("f8")
    whole = bool(np.all(values == np.floor(values)))
    if whole and n_distinct == n and np.ptp(values) < _DENSE * n:
        return "counts the rows"
    if at is None or n_distinct < _WORDY * n:
        return None
    step = -(-n // _MAX_RANKED)
    times = at[known.index].astype("int64").to_numpy()[::step]
    ranks = np.corrcoef(rankdata(values[::step]), rankdata(times))[0, 1]
    return "follows the time of the rows" if abs(float(ranks)) > _ORDERED else None


def count_single_levels(column: pd.Series) -> int:
    """How many categories of a column stand in one row only; 0 for numbers.

    >>> count_single_levels(pd.Series(["a", "a", "b", None]))
    1
    """
    if pd.api.types.is_numeric_dtype(column):
        return 0
    return int((column.value_counts() == 1).sum())
