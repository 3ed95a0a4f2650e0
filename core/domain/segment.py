"""Segments: where in the traffic the error is, going by labelled predictions."""

from dataclasses import dataclass
from datetime import datetime

from core.domain.naive import Naive
from core.domain.report import Estimate


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the traffic whose error is surely larger than the rest's, in points."""

    column: str
    where: str  # "provider = openai", "length above 1,200", or two of these with "and" between
    n: int  # labelled predictions in it
    share: float  # of all labelled predictions
    mae: float
    rest_mae: float
    excess_share: float | None  # of the error beyond what was expected; None where there is none
    p_value: float  # corrected for the number of parts that were looked at
    second: str | None = None  # the other column, where neither alone explains it


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The figures of one category or score band beside those of the best constant guesses for the
    same rows; None below the smallest number of labels."""

    column: str
    value: str
    n: int
    mae: Estimate | None = None
    accuracy: Estimate | None = None
    rmse: Estimate | None = None
    skill: Estimate | None = None  # None too where the best constant makes no error
    naive: Naive | None = None


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """The newest labelled predictions of a version by the parts of the traffic."""

    version: int
    at: datetime
    from_at: datetime | None  # of the oldest prediction looked at
    to_at: datetime | None
    n_labelled: int
    n_parts: int  # that were looked at
    segments: tuple[Segment, ...]  # that carry the error, the worst first
    groups: tuple[GroupFigures, ...]  # by category
    bands: tuple[GroupFigures, ...]  # by score
    coverage: Estimate | None = None  # share of the labels inside the 90 % interval
    width: float | None = None  # of these intervals, mean, points
