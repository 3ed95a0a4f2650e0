"""Segments: which part of the traffic carries the error, corrected for having looked at many."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import text
from core.domain.monitoring import Segment, SegmentReport
from core.stats.slices import Floats, Slice, Values, cut_columns, find_worst

ALPHA = 0.01
"""The chance that any part is named where all are alike."""

_MOST_SEGMENTS = 3


@dataclass(frozen=True, slots=True)
class SliceOutcome:
    """Labelled predictions; arrays and columns are parallel."""

    columns: Mapping[str, Values]
    scores: Floats
    actual: Floats
    expected: Floats  # |error| that was expected of such rows, points
    day: NDArray[np.int64]  # of each row; the errors of one day may be alike

    @property
    def errors(self) -> Floats:
        """|score - actual|, points."""
        return np.abs(self.scores - self.actual)


def find_segments(outcome: SliceOutcome) -> tuple[tuple[Segment, ...], int]:
    """The parts whose error beyond the expected one is surely larger than the rest's, and how many
    were looked at. The strongest comes first; then it is looked again at the rows that are left, in
    the columns that were not named, three times in all.

    A part is a category or a range of one column, or the overlap of two such parts where neither
    column alone explains it (see `core.stats.slices`). Half of ALPHA is for parts of one
    column and half for overlaps, each by Bonferroni over all that are looked at."""
    excess = outcome.errors - outcome.expected
    parts = cut_columns({**outcome.columns, "the score": outcome.scores})
    left = np.ones(len(excess), dtype=np.bool_)
    segments: list[Segment] = []
    n_parts = 0
    while len(segments) < _MOST_SEGMENTS:
        named = {column for found in segments for column in (found.column, found.second)}
        open_parts = [part for part in parts if part.column not in named]
        found = find_worst(excess, open_parts, left, ALPHA)
        n_parts = n_parts or found.n_looked_at
        if found.part is None:
            break
        segments.append(_describe(outcome, excess, found.part, found.p_value))
        left &= ~found.part.rows
    return tuple(segments), n_parts


def describe_segment(segment: Segment) -> str:
    """The culprit in one sentence.

    >>> describe_segment(Segment("p", "p = openai", 412, 0.2, 9.0, 3.0, 0.71, 1e-9))
    'p = openai carries 71.0 % of the excess error (n = 412, MAE 9.00 against 3.00 elsewhere)'
    >>> describe_segment(Segment("p", "p = openai", 412, 0.2, 9.0, 3.0, None, 1e-9))
    'p = openai errs more than the rest (n = 412, MAE 9.00 against 3.00 elsewhere)'
    """
    mae, rest = map(text.figure, (segment.mae, segment.rest_mae))
    figures = f"(n = {segment.n:,}, MAE {mae} against {rest} elsewhere)"
    if segment.excess_share is None:
        return f"{segment.where} errs more than the rest {figures}"
    return (
        f"{segment.where} carries {text.percent(segment.excess_share)} of the excess error "
        f"{figures}"
    )


def name_culprit(report: SegmentReport | None) -> str | None:
    """The part of the traffic that an incident of the accuracy should name, or None."""
    if report is None or not report.segments:
        return None
    return describe_segment(report.segments[0])


def _describe(outcome: SliceOutcome, excess: Floats, part: Slice, p_value: float) -> Segment:
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
        second=part.second,
    )
