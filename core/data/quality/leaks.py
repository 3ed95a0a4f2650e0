"""Columns that give the target away: alone, by ranges, by a text's ends, or together; pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from core.data.quality.level_ranges import (
    MAX_ROWS,
    MIN_ROWS,
    ROWS_PER_LEVEL,
    is_text,
    judge_levels,
    judge_text,
    read_end_numbers,
)
from core.data.quality.near_duplicates import count_distinct

_CORRELATION = 0.995
_RANK_CORRELATION = 0.9995
_NEARLY_RANKED, _ORDERED_PAIRS = 0.9, 0.99
_MIN_ORDERED = 0.3  # of the pairs of rows, those that differ in the column
_UNEXPLAINED_BY_SUM = 1e-5  # of the target's variance: rounding, no more
_MAX_SUMMANDS = 20
_MOST = 0.95
_MAX_PARTS = 12
_SAME_AS_PARTS = 0.98  # of the rows

_Floats = NDArray[np.float64]

_VOTES: Mapping[str, Callable[[_Floats], _Floats]] = {
    "their mean": lambda votes: _over_rows(np.nanmean, votes),
    "their median": lambda votes: _over_rows(np.nanmedian, votes),
    "the smallest of them": lambda votes: _over_rows(np.nanmin, votes),
    "the largest of them": lambda votes: _over_rows(np.nanmax, votes),
}


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that gives the target away, together with `others`."""

    column: str
    how: str
    others: tuple[str, ...] = ()


def find_leaks(features: pd.DataFrame, target: pd.Series) -> list[Leak]:
    """Return the columns that determine the target, in the order of the columns.

    A number does where its correlation with the target is above 0.995, that of the ranks above
    0.9995, or of 100 pairs of rows that differ in both 99 are in the same order; a category (or a
    number of few values) where its levels leave at most 0.5 % of the target's variance, or hold the
    target in ranges that do not overlap; a text by the word or the number that it begins or ends
    with; several numbers where a weighted sum of them leaves only rounding, or their mean, median,
    smallest or largest is the target, rounded as that is.

    >>> total = pd.Series(np.arange(60) % 17.0 + np.arange(60) % 11.0)
    >>> parts = pd.DataFrame({"a": np.arange(60) % 17.0, "b": np.arange(60) % 11.0})
    >>> [(leak.column, leak.others) for leak in find_leaks(parts, total)]
    [('a', ('b',)), ('b', ('a',))]
    """
    step = max(1, -(-len(features) // MAX_ROWS))
    rows, y = features.iloc[::step], target.iloc[::step].to_numpy(dtype="float64")
    if len(y) < MIN_ROWS or np.ptp(y) == 0:
        return []
    numbers = {
        name: column.to_numpy(dtype="float64")
        for name, column in rows.items()
        if pd.api.types.is_numeric_dtype(column) and column.notna().sum() >= MIN_ROWS
    }
    found: dict[str, Leak] = {}
    for name, column in rows.items():
        x = numbers.get(name)
        how = (_judge_number(x, y) if x is not None else None) or judge_levels(column, y)
        if how is None and is_text(column):
            how = judge_text(column, y) or _judge_end_numbers(column, y)
        if how is not None:
            found[str(name)] = Leak(str(name), how)
    rest = {str(name): x for name, x in numbers.items() if str(name) not in found}
    for leak in (*_find_summands(rest, y), *_find_parts(rest, y)):
        found.setdefault(leak.column, leak)
    return [found[str(name)] for name in features.columns if str(name) in found]


def _judge_number(x: _Floats, y: _Floats) -> str | None:
    there = ~np.isnan(x)
    x, y = x[there], y[there]
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    correlation = float(np.corrcoef(x, y)[0, 1])
    if abs(correlation) > _CORRELATION:
        return f"its correlation with the target is {correlation:.4f}"
    if count_distinct(x) < MIN_ROWS:
        return None
    ranks = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
    if abs(ranks) > _RANK_CORRELATION:
        return f"it orders the rows as the target does (rank correlation {ranks:.4f})"
    if abs(ranks) < _NEARLY_RANKED:
        return None
    ordered = 0.5 + abs(_measure_order(x, y)) / 2
    if ordered > _ORDERED_PAIRS:
        return f"it puts {ordered:.1%} of the pairs of rows in the order of the target"
    return None


def _judge_end_numbers(column: pd.Series, y: _Floats) -> str | None:
    for where, x in read_end_numbers(column):
        there = ~np.isnan(x)
        if there.sum() < max(MIN_ROWS, _MOST * len(x)):
            continue
        how = _judge_number(x[there], y[there]) or judge_levels(pd.Series(x[there]), y[there])
        if how is not None:
            return f"of the number that it {where} with: {how}"
    return None


def _measure_order(x: _Floats, y: _Floats) -> float:
    """Return Goodman and Kruskal's gamma: of the pairs of rows that differ in both, the share in
    the same order minus that in the other; 0 where few pairs differ in the column. It is Kendall's
    tau-b with its ties taken out."""
    n_pairs = len(x) * (len(x) - 1) / 2
    untied_x, untied_y = n_pairs - _count_ties(x[:, None]), n_pairs - _count_ties(y[:, None])
    n_compared = untied_x + untied_y - n_pairs + _count_ties(np.column_stack([x, y]))
    if untied_x < _MIN_ORDERED * n_pairs or n_compared <= 0:
        return 0.0
    tau = float(kendalltau(x, y).statistic)
    return tau * float(np.sqrt(untied_x * untied_y)) / n_compared


def _count_ties(rows: _Floats) -> float:
    counts = np.unique(rows, axis=0, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1.0)).sum() / 2.0)


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
    if len(names) * ROWS_PER_LEVEL > len(y):  # more columns than the rows can tell apart
        strongest = np.argsort(-np.abs(correlations[:-1, -1]))[: len(y) // ROWS_PER_LEVEL]
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


def _find_parts(numbers: Mapping[str, _Floats], y: _Floats) -> Iterator[Leak]:
    """Yield columns on the target's scale whose mean, median, smallest or largest is the target,
    rounded as the target is: the votes that it was made of. Those named alike are tried alone."""
    low, high = float(y.min()), float(y.max())
    slack = 0.05 * (high - low)
    usable = [
        name
        for name, x in numbers.items()
        if np.nanmin(x) >= low - slack and np.nanmax(x) <= high + slack and np.ptp(x) > 0
    ]
    step = float(np.diff(np.unique(np.round(y, 9))).min())
    families: dict[str, list[str]] = {}
    for name in usable:
        families.setdefault(re.sub(r"[\W_]*(\d+|[a-z])$", "", name.casefold()), []).append(name)
    for names in (*families.values(), usable):
        if not 2 <= len(names) <= _MAX_PARTS:
            continue
        votes = np.column_stack([numbers[name] for name in names])
        for how, summarize in _VOTES.items():
            off = np.abs(summarize(votes) - y)
            if np.mean(off <= step / 2 + 1e-9) >= _SAME_AS_PARTS:
                for name in names:
                    others = tuple(other for other in names if other != name)
                    yield Leak(name, f"{how} is the target", others)
                return


def _over_rows(function: Callable[..., Any], votes: _Floats) -> _Floats:
    """Return a figure of each row's known votes; nan where a row has none."""
    found = np.full(len(votes), np.nan)
    known = ~np.isnan(votes).all(axis=1)
    found[known] = function(votes[known], axis=1)
    return found


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
