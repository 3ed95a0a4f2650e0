"""Slices of rows: cut from columns, large enough to be looked at, and told apart from the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

MIN_SHARE = 0.05
MIN_ROWS = 30
"""A slice is looked at from 30 rows and 5 % of all rows on."""

MOST_LEVELS = 12
"""A column with more different values says who a row is, not of which kind, where every one of its
values would be shown."""

_CLEARLY = 1.1
"""The factor by which an overlap has to be stronger than any part of one column: of about equal
ones, the simpler is named."""

_CUTS = ((0.1, 0.9), (0.25, 0.75), (0.5, 0.5))
_MOST_CROSSED = 40
_ROWS_AT_ONCE = 4_096

Floats = NDArray[np.float64]
Values = Floats | list[str | None]
"""A column: numbers with NaN, or levels with None, where there is no value."""

Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that have something in common: one level or range of a column, or of two columns."""

    column: str
    where: str
    rows: Rows
    second: str | None = None
    level: str = ""  # of a column of levels


@dataclass(frozen=True, slots=True)
class Found:
    """The part that stands out, with its p-value corrected for all that were looked at; None where
    none does."""

    part: Slice | None
    p_value: float
    n_looked_at: int


def least_rows(n_all: int) -> float:
    """Return the number of rows from which on a slice of `n_all` rows is looked at.

    >>> least_rows(100), least_rows(10_000)
    (30, 500.0)
    """
    return max(MIN_ROWS, MIN_SHARE * n_all)


def cut_columns(columns: Mapping[str, Values]) -> list[Slice]:
    """Return the slices of each column: its levels of at least 5 % of the rows, or its ranges."""
    parts: list[Slice] = []
    for column, values in columns.items():
        parts += (
            cut_levels(column, values, MIN_SHARE * len(values))
            if isinstance(values, list)
            else _cut_numbers(column, values)
        )
    return parts


def cut_levels(column: str, values: Sequence[str | None], at_least: float = 1) -> list[Slice]:
    """Return a slice for each level of a column that has `at_least` this many rows, the one with
    the most rows first.

    >>> [(one.level, one.where) for one in cut_levels("lang", ["go", None, None])]
    [('missing', 'lang missing'), ('go', 'lang = go')]
    """
    levels = np.array([level or "" for level in values])
    names, counts = np.unique(levels, return_counts=True)
    return [
        Slice(
            column,
            f"{column} = {name}" if name else f"{column} missing",
            levels == name,
            level=str(name) or "missing",
        )
        for name in names[np.argsort(-counts, kind="stable")][: int((counts >= at_least).sum())]
    ]


def find_worst(excess: Floats, parts: Sequence[Slice], left: Rows, alpha: float) -> Found:
    """Of the rows that are `left`, the part whose mean excess is surely larger than the rest's: one
    of `parts`, or the overlap of two of them where it stands out clearly more than any one does.

    A part of one column is judged by Welch's one-sided test against the rest. An overlap has to
    pass three: its mean exceeds that of the rest of the one part, that of the rest of the other,
    and by more than what the two add up to (their interaction). So a column that adds nothing is
    not named, and two columns that each cost something are two parts. Degrees of freedom are those
    of the smallest cell, which is careful. Half of `alpha` is for parts of one column and half for
    overlaps, by Bonferroni; overlaps are looked for among the first 40 columns."""
    parts = [part for part in parts if _stands_out(part.rows[left], len(left))]
    if not parts:
        return Found(None, 1.0, 0)
    values = excess[left] - excess[left].mean()
    sums = _sum_parts(np.array([part.rows[left] for part in parts]), values)
    strength, p_value = _contrast([sums], [_sum_all(values) - sums])
    p_value = 2 * len(parts) * p_value
    best = int(np.lexsort((-strength, p_value))[0])
    overlap = _find_overlap(parts, left, values, _CLEARLY * max(strength.max(), 0.0), alpha)
    n_looked_at = len(parts) + overlap.n_looked_at
    if overlap.part is not None:
        return Found(overlap.part, overlap.p_value, n_looked_at)
    part = parts[best] if p_value[best] <= alpha else None
    return Found(part, min(1.0, float(p_value[best])), n_looked_at)


def _find_overlap(
    parts: Sequence[Slice], left: Rows, values: Floats, least: float, alpha: float
) -> Found:
    """The strongest of the overlaps that pass all three tests and are stronger than `least`."""
    crossed = list(dict.fromkeys(part.column for part in parts))[:_MOST_CROSSED]
    parts = [part for part in parts if part.column in crossed]
    numbers = np.array([crossed.index(part.column) for part in parts])
    rows = np.array([part.rows[left] for part in parts])
    first, second = np.nonzero(numbers[:, None] < numbers)
    both = _sum_overlaps(rows, values)[:, first, second]
    alone = _sum_parts(rows, values)
    one, other = alone[:, first] - both, alone[:, second] - both
    rest = _sum_all(values) - both - one - other
    smallest = np.minimum(np.minimum(one[0], other[0]), rest[0])
    large = (both[0] >= least_rows(len(left))) & (smallest >= MIN_ROWS)
    n_looked_at = int(large.sum())
    if not n_looked_at:
        return Found(None, 1.0, 0)
    first, second = first[large], second[large]
    both, one, other, rest = (cell[:, large] for cell in (both, one, other, rest))
    tests = (([both], [one]), ([both], [other]), ([both, rest], [one, other]))
    p_value = 2 * n_looked_at * np.max([_contrast(*cells)[1] for cells in tests], axis=0)
    strength = _contrast([both], [one + other + rest])[0]
    passed = (p_value <= alpha) & (strength > least)
    if not passed.any():
        return Found(None, 1.0, n_looked_at)
    best = int(np.argmax(np.where(passed, strength, -np.inf)))
    a, b = parts[first[best]], parts[second[best]]
    part = Slice(a.column, f"{a.where} and {b.where}", a.rows & b.rows, second=b.column)
    return Found(part, float(p_value[best]), n_looked_at)


def _sum_all(values: Floats) -> Floats:
    return _sum_parts(np.ones((1, len(values)), dtype=np.bool_), values)


def _sum_parts(rows: Rows, values: Floats) -> Floats:
    """Of each part the count, the sum and the sum of squares, shape (3, n_parts)."""
    weights = np.stack([np.ones(len(values)), values, values**2])
    return np.asarray(weights @ rows.T)


def _sum_overlaps(rows: Rows, values: Floats) -> Floats:
    """The same of what each two parts have in common, shape (3, n_parts, n_parts)."""
    sums = np.zeros((3, len(rows), len(rows)))
    for start in range(0, len(values), _ROWS_AT_ONCE):
        some = rows[:, start : start + _ROWS_AT_ONCE].astype(np.float64)
        value = values[start : start + _ROWS_AT_ONCE]
        for i, weight in enumerate((np.ones(len(value)), value, value**2)):
            sums[i] += (some * weight) @ some.T
    return sums


def _contrast(larger: Sequence[Floats], smaller: Sequence[Floats]) -> tuple[Floats, Floats]:
    """By how many standard errors the means of some cells exceed those of others, and the
    one-sided p-value that they do not."""
    difference, variance = np.zeros(()), np.zeros(())
    fewest = np.full((), np.inf)
    for sign, (n, total, squares) in [(1, c) for c in larger] + [(-1, c) for c in smaller]:
        difference = difference + sign * total / n
        spread = np.maximum(squares - total**2 / n, 0.0)
        variance = variance + spread / (n - 1) / n
        fewest = np.minimum(fewest, n)
    strength = difference / np.sqrt(np.maximum(variance, 1e-300))
    return strength, special.stdtr(fewest - 1, -strength)


def _cut_numbers(column: str, values: Floats) -> list[Slice]:
    known = np.isfinite(values)
    parts = [Slice(column, f"{column} missing", ~known)]
    if not known.any():
        return parts
    for low, high in _CUTS:
        below, above = np.quantile(values[known], [low, high])
        parts.append(Slice(column, f"{column} up to {below:.4g}", values <= below))
        parts.append(Slice(column, f"{column} above {above:.4g}", values > above))
    return parts


def _stands_out(rows: Rows, n_all: int) -> bool:
    """Return whether a slice is large, and leaves enough of the rows that are left."""
    n = int(rows.sum())
    return n >= least_rows(n_all) and len(rows) - n >= MIN_ROWS
