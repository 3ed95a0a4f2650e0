"""A rollup: the counts of one minute, hour or day of one version and source, kept instead of
scanning rows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core.domain.prediction import Source

MINUTE = 60
HOUR = 3_600
DAY = 86_400
SPANS = (MINUTE, HOUR, DAY)
"""The lengths of a rollup in seconds; each divides the next."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Sums over the predictions that have a score and a label; an error is score - actual."""

    n: int = 0
    n_within: int = 0  # within the tolerance
    sum_error: float = 0.0
    sum_abs: float = 0.0
    sum_squared: float = 0.0
    sum_fourth: float = 0.0
    actuals: dict[int, tuple[int, float]] = field(default_factory=dict)  # bucket -> count, sum


@dataclass(frozen=True, slots=True)
class Rollup:
    """Histograms map a bucket's index to its count; `core.stats.histogram` defines the buckets."""

    seconds: int  # one of SPANS
    start_at: datetime
    version: int
    source: Source
    n: int
    latency: dict[int, int]
    scores: dict[int, int]
    outcomes: Outcomes = field(default_factory=Outcomes)


class Observation(NamedTuple):
    """What a rollup counts of one prediction; `actual` is the label that counts, where one does."""

    minute_at: datetime
    version: int
    source: Source
    latency_ms: float
    score: float | None
    actual: float | None


@dataclass(frozen=True, slots=True)
class RollupProgress:
    """Up to which rows the rollups count everything, and in which unit."""

    basis: str  # the scale and the tolerance; rollups of another basis are counted again
    prediction_seq: int
    label_id: int
    measured_at: datetime


def floor_time(at: datetime, seconds: int) -> datetime:
    """The start of the span that holds a moment.

    >>> floor_time(datetime(2026, 3, 2, 12, 34, 56, tzinfo=UTC), HOUR).isoformat()
    '2026-03-02T12:00:00+00:00'
    """
    return at - (at - EPOCH) % timedelta(seconds=seconds)
