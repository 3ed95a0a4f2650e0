"""Segments: which part of the traffic carries the error, corrected for having looked at many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from core.domain.segment import Segment, SegmentReport
from core.monitoring.bins import Values
from core.monitoring.level import format_figure

MIN_SHARE = 0.05
MIN_LABELS = 30
"""A part of the traffic is looked at from 5 % of the rows and 30 labels on."""

ALPHA = 0.01
"""The chance that any part is named where all are alike."""

_MOST_SEGMENTS = 3
_CUTS = ((0.1, 0.9), (0.25, 0.75), (0.5, 0.5))

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
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
class _Part:
    column: str
    where: str
    rows: NDArray[np.bool_]


def find_segments(outcome: Outcome) -> tuple[tuple[Segment, ...], int]:
    """The parts whose error beyond the expected one is surely larger than the rest's, at most one
    a column and three in all, the surest first; and how many parts were looked at. One-sided Welch
    tests, Bonferroni over all parts."""
    excess = outcome.errors - outcome.expected
    parts = [part for part in _list_parts(outcome) if _is_large(part.rows)]
    found = []
    for part in parts:
        p_value = min(1.0, _compare(excess, part.rows) * len(parts))
        if p_value <= ALPHA:
            found.append((p_value, _strength(excess, part.rows), part))
    found.sort(key=lambda item: (item[0], -item[1]))
    segments: dict[str, Segment] = {}
    for p_value, _, part in found:
        if part.column not in segments:
            segments[part.column] = _describe(outcome, excess, part, p_value)
    return tuple(segments.values())[:_MOST_SEGMENTS], len(parts)


def describe_segment(segment: Segment) -> str:
    """The culprit in one sentence.

    >>> describe_segment(Segment("p", "p = openai", 412, 0.2, 9.0, 3.0, 0.71, 1e-9))
    'p = openai carries 71 % of the excess error (n = 412, MAE 9 against 3 elsewhere)'
    >>> describe_segment(Segment("p", "p = openai", 412, 0.2, 9.0, 3.0, None, 1e-9))
    'p = openai errs more than the rest (n = 412, MAE 9 against 3 elsewhere)'
    """
    mae, rest = map(format_figure, (segment.mae, segment.rest_mae))
    figures = f"(n = {segment.n:,}, MAE {mae} against {rest} elsewhere)"
    if segment.excess_share is None:
        return f"{segment.where} errs more than the rest {figures}"
    return (
        f"{segment.where} carries {segment.excess_share:.0%} of the excess error {figures}".replace(
            "% of", " % of"
        )
    )


def name_culprit(report: SegmentReport | None) -> str | None:
    """The part of the traffic that an incident of the accuracy should name, or None."""
    if report is None or not report.segments:
        return None
    return describe_segment(report.segments[0])


def _list_parts(outcome: Outcome) -> list[_Part]:
    parts: list[_Part] = []
    for column, values in {**outcome.columns, "the score": outcome.scores}.items():
        parts += (
            _cut_levels(column, values)
            if isinstance(values, list)
            else _cut_numbers(column, values)
        )
    return parts


def _cut_levels(column: str, values: Sequence[str | None]) -> list[_Part]:
    levels = np.array([level or "" for level in values])
    names, counts = np.unique(levels, return_counts=True)
    large = names[counts >= MIN_SHARE * len(levels)]
    return [
        _Part(column, f"{column} = {name}" if name else f"{column} missing", levels == name)
        for name in large
    ]


def _cut_numbers(column: str, values: Floats) -> list[_Part]:
    known = np.isfinite(values)
    parts = [_Part(column, f"{column} missing", ~known)]
    if not known.any():
        return parts
    for low, high in _CUTS:
        below, above = np.quantile(values[known], [low, high])
        parts.append(_Part(column, f"{column} up to {below:.4g}", values <= below))
        parts.append(_Part(column, f"{column} above {above:.4g}", values > above))
    return parts


def _is_large(rows: NDArray[np.bool_]) -> bool:
    n = int(rows.sum())
    return n >= max(MIN_LABELS, MIN_SHARE * len(rows)) and len(rows) - n >= MIN_LABELS


def _strength(excess: Floats, rows: NDArray[np.bool_]) -> float:
    inside, rest = excess[rows], excess[~rows]
    variance = inside.var(ddof=1) / len(inside) + rest.var(ddof=1) / len(rest)
    return float((inside.mean() - rest.mean()) / np.sqrt(max(variance, 1e-300)))


def _compare(excess: Floats, rows: NDArray[np.bool_]) -> float:
    """The p-value of Welch's test that a part's mean is no larger than the rest's."""
    n = min(int(rows.sum()), int((~rows).sum()))
    return float(special.stdtr(n - 1, -_strength(excess, rows)))


def _describe(outcome: Outcome, excess: Floats, part: _Part, p_value: float) -> Segment:
    """The part's share of all the excess, where the rows together err more than expected."""
    total, own = float(excess.sum()), float(excess[part.rows].sum())
    return Segment(
        column=part.column,
        where=part.where,
        n=int(part.rows.sum()),
        share=float(part.rows.mean()),
        mae=float(outcome.errors[part.rows].mean()),
        rest_mae=float(outcome.errors[~part.rows].mean()),
        excess_share=min(1.0, own / total) if total > 0 and own > 0 else None,
        p_value=p_value,
    )
