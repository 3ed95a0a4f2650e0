"""A replay: recorded requests scored again by a version before it serves them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.domain.prediction import Prediction
from core.domain.report import Estimate


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request of the log with the label that counts, where one arrived."""

    served: Prediction
    actual: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """A request whose score would have been another one."""

    prediction_id: str
    at: datetime
    served_by: int  # the version that was asked then
    served: float
    replayed: float
    actual: float | None


@dataclass(frozen=True, slots=True)
class ReplaySegment:
    """The requests that share a word of a feature, such as "language = python"."""

    name: str
    n: int  # scored both times
    change: float  # mean of the new score less the one served, in points
    n_labelled: int
    mae: float | None
    served_mae: float | None


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a version would have answered. Every request is scored, left to the heuristic (it has
    nothing that the version reads) or failed. Errors are in points; those as served are of what
    callers got, whoever answered, on the same rows."""

    from_at: datetime
    to_at: datetime
    n_requests: int
    n_scored: int
    n_fallback: int
    n_failed: int
    n_at_limit: int  # scores at or beyond an end of the scale
    failures: Mapping[str, int]  # why, for the most frequent reasons
    n_labelled: int  # of the rows that the errors are measured on
    n_known: int  # labelled rows of its own snapshot, left out of the errors
    mae: Estimate | None
    served_mae: Estimate | None
    improvement: Estimate | None  # error as served less the version's
    accuracy: Estimate | None
    served_accuracy: Estimate | None
    basis: str  # what the intervals treat as independent, such as "12 hours"
    changes: tuple[Change, ...]  # the largest, largest first
    segments: tuple[ReplaySegment, ...]  # largest change first
    latency_ms: Mapping[str, float]  # p50 and p95 of rows scored alone
    n_timed: int
    doubt: str  # why the rows that it has trained on are not known; empty where they are
    summary: str

    @property
    def fallback_share(self) -> float:
        """The share of the requests that the version would not have scored, 0..1."""
        return (self.n_fallback + self.n_failed) / self.n_requests


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that was made."""

    id: int
    at: datetime
    by: str
    version: int
    days: float
    report: ReplayReport
