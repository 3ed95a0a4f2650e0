"""Parts of the traffic, of one column or of two, and how surely one errs more than the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from core.monitoring.drift.binning import Values

MIN_SHARE = 0.05
MIN_LABELS = 30
"""A part of the traffic is looked at from 5 % of the rows and 30 labels on."""

_CLEARLY = 1.1
"""How many times as strong an overlap has to be as any part of one column: the simpler is named
where the two are about the same."""

_CUTS = ((0.1, 0.9), (0.25, 0.75), (0.5, 0.5))
_MOST_CROSSED = 40
_ROWS_AT_ONCE = 4_096

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SliceOutcome:
    """Labelled predictions; arrays and columns are parallel."""

    columns: Mapping[str, Values]
    scores: Floats
    actual: Floats
    expected: Floats  # |error| that was expected of such rows, points
    block: NDArray[np.int64]  # the span of time that a row belongs to; rows of one may be alike

    @property
    def errors(self) -> Floats:
        """|score - actual|, points."""
        return np.abs(self.scores - self.actual)


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that have something in common: one level or range of a column, or of two columns."""

    column: str
    where: str
    rows: Rows
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The part that stands out, with its p-value corrected for all that were looked at; None where
    none does."""

    part: Slice | None
    p_value: float
    n_looked_at: int


def list_parts(outcome: SliceOutcome) -> list[Slice]:
    """The levels and ranges of each column, and of the score."""
    parts: list[Slice] = []
    for column, values in {**outcome.columns, "the score": outcome.scores}.items():
        parts += (
            _cut_levels(column, values)
            if isinstance(values, list)
            else _cut_numbers(column, values)
        )
    return parts


def find_worst(excess: Floats, parts: Sequence[Slice], left: Rows, alpha: float) -> Found:
    """Of the rows that are `left`, the part whose mean excess is surely larger than the rest's: one
    of `parts`, or the overlap of two of them where it stands out clearly more than any one does.

    A part of one column is judged by Welch's one-sided test against the rest. An overlap has to
    pass three: its mean exceeds that of the rest of the one part, that of the rest of the other,
    and by more than what the two add up to (their interaction). So a column that adds nothing is
    not named, and two columns that each cost something are two parts. Degrees of freedom are those
    of the smallest cell, which is careful. Half of `alpha` is for parts of one column and half for
    overlaps, by Bonferroni; overlaps are looked for among the first 40 columns."""
    parts = [part for part in parts if _is_large(part.rows[left], len(left))]
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
    large = (both[0] >= max(MIN_LABELS, MIN_SHARE * len(left))) & (smallest >= MIN_LABELS)
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


def _cut_levels(column: str, values: Sequence[str | None]) -> list[Slice]:
    levels = np.array([level or "" for level in values])
    names, counts = np.unique(levels, return_counts=True)
    large = names[counts >= MIN_SHARE * len(levels)]
    return [
        Slice(column, f"{column} = {name}" if name else f"{column} missing", levels == name)
        for name in large
    ]


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


def _is_large(rows: Rows, n_all: int) -> bool:
    """Return True if a part has enough of all rows, and leaves enough of the others."""
    n = int(rows.sum())
    return n >= max(MIN_LABELS, MIN_SHARE * n_all) and len(rows) - n >= MIN_LABELS
