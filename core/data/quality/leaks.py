"""Columns that give the target away: alone, as categories, or as a sum; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.data.quality.near_duplicates import count_distinct

MAX_ROWS = 20_000
"""More rows are thinned evenly: a leak shows in these too."""

_MIN_ROWS = 20
_CORRELATION = 0.995
_RANK_CORRELATION = 0.9995
_EXPLAINED_BY_LEVELS = 0.995
_UNEXPLAINED_BY_SUM = 1e-5  # of the target's variance: rounding, no more
_MAX_SUMMANDS = 20
_ROWS_PER_LEVEL = 5

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that gives the target away, together with `others`."""

    column: str
    how: str
    others: tuple[str, ...] = ()


def find_leaks(features: pd.DataFrame, target: pd.Series) -> list[Leak]:
    """Return the columns that determine the target, in the order of the columns.

    A number does where its correlation with the target is above 0.995, or that of the ranks above
    0.9995; a category (or a number of few values) where its levels leave at most 0.5 % of the
    target's variance; several numbers where a weighted sum of them leaves only rounding.

    >>> total = pd.Series(np.arange(60) % 17.0 + np.arange(60) % 11.0)
    >>> parts = pd.DataFrame({"a": np.arange(60) % 17.0, "b": np.arange(60) % 11.0})
    >>> [(leak.column, leak.others) for leak in find_leaks(parts, total)]
    [('a', ('b',)), ('b', ('a',))]
    """
    step = max(1, -(-len(features) // MAX_ROWS))
    rows, y = features.iloc[::step], target.iloc[::step].to_numpy(dtype="float64")
    if len(y) < _MIN_ROWS or np.ptp(y) == 0:
        return []
    numbers = {
        name: column.to_numpy(dtype="float64")
        for name, column in rows.items()
        if pd.api.types.is_numeric_dtype(column) and column.notna().sum() >= _MIN_ROWS
    }
    found: dict[str, Leak] = {}
    for name, x in numbers.items():
        how = _judge_number(x, y)
        if how is not None:
            found[str(name)] = Leak(str(name), how)
    for name, column in rows.items():
        if str(name) not in found and _explained_by_levels(column, y) > _EXPLAINED_BY_LEVELS:
            found[str(name)] = Leak(str(name), "each of its values goes with one target")
    rest = {str(name): x for name, x in numbers.items() if str(name) not in found}
    for leak in _find_summands(rest, y):
        found[leak.column] = leak
    return [found[str(name)] for name in features.columns if str(name) in found]


def _judge_number(x: _Floats, y: _Floats) -> str | None:
    there = ~np.isnan(x)
    x, y = x[there], y[there]
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    correlation = float(np.corrcoef(x, y)[0, 1])
    if abs(correlation) > _CORRELATION:
        return f"its correlation with the target is {correlation:.4f}"
    if count_distinct(x) < _MIN_ROWS:
        return None
    ranks = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
    if abs(ranks) > _RANK_CORRELATION:
        return f"it orders the rows as the target does (rank correlation {ranks:.4f})"
    return None


def _explained_by_levels(column: pd.Series, y: _Floats) -> float:
    """Return the share of the target's variance between the levels of a column, corrected for their
    number; 0 if there are too many levels."""
    codes, levels = pd.factorize(column)
    there = codes >= 0
    codes, y = codes[there], y[there]
    n, n_levels = len(y), len(levels)
    if n < _MIN_ROWS or n_levels < 2 or n_levels * _ROWS_PER_LEVEL > n or np.ptp(y) == 0:
        return 0.0
    counts = np.bincount(codes, minlength=n_levels)
    means = np.bincount(codes, y, n_levels) / np.maximum(counts, 1)
    within = float(np.square(y - means[codes]).sum()) / (n - n_levels)
    return 1.0 - within / float(np.var(y, ddof=1))


def _find_summands(numbers: Mapping[str, _Floats], y: _Floats) -> Iterator[Leak]:
    """Yield the smallest set of columns found whose weighted sum is the target, if there is one."""
    usable = {
        name: x
        for name, x in numbers.items()
        if np.isnan(x).mean() <= 0.2 and np.nanmax(x) > np.nanmin(x)
    }
    names = list(usable)
    if len(names) < 2:
        return
    correlations = _correlate(usable, y)
    if len(names) * _ROWS_PER_LEVEL > len(y):  # more columns than the rows can tell apart
        strongest = np.argsort(-np.abs(correlations[:-1, -1]))[: len(y) // _ROWS_PER_LEVEL]
        names, correlations = _take(names, correlations, np.sort(strongest))
    weights, unexplained = _regress(correlations)
    if unexplained > _UNEXPLAINED_BY_SUM:
        return
    strong = np.argsort(-np.abs(weights))[:_MAX_SUMMANDS]
    names, correlations = _take(
        names, correlations, np.sort(strong[np.abs(weights[strong]) > 0.01])
    )
    for name in tuple(names):  # leave out what is not needed
        kept = np.array([place for place, other in enumerate(names) if other != name])
        if len(kept) and _regress(_take(names, correlations, kept)[1])[1] <= _UNEXPLAINED_BY_SUM:
            names, correlations = _take(names, correlations, kept)
    if len(names) < 2 or _regress(correlations)[1] > _UNEXPLAINED_BY_SUM:
        return
    for name in names:
        others = tuple(other for other in names if other != name)
        yield Leak(name, "they add up to the target", others)


def _correlate(columns: Mapping[str, _Floats], y: _Floats) -> _Floats:
    """Return the correlations of the columns and, last, the target; a missing value counts as the
    mean."""
    matrix = np.column_stack([*columns.values(), y])
    matrix = matrix - np.nanmean(matrix, axis=0)
    matrix = np.nan_to_num(matrix / np.nanstd(matrix, axis=0))
    correlations: _Floats = matrix.T @ matrix / len(y)
    return correlations


def _regress(correlations: _Floats) -> tuple[_Floats, float]:
    """Return the weights of standardised columns for the target (the last one), and 1 - R²."""
    among, with_target = correlations[:-1, :-1], correlations[:-1, -1]
    weights: _Floats = np.linalg.lstsq(among, with_target, rcond=1e-10)[0].astype("f8")
    return weights, 1.0 - float(weights @ with_target)


def _take(
    names: list[str], correlations: _Floats, places: NDArray[np.int64]
) -> tuple[list[str], _Floats]:
    rows = np.append(places, len(correlations) - 1)
    return [names[place] for place in places], correlations[np.ix_(rows, rows)]
