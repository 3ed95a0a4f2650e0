"""An API worker: what one process that answers predictions has said of itself lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SAID_EVERY = timedelta(minutes=1)
SILENT_AFTER = timedelta(minutes=3)
"""A worker that has said nothing for so long has ended, or cannot reach the store."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took in the newest measured requests."""

    n: int
    mean_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class ApiWorker:
    """Counts are of single-row requests since `started_at`; stages are of the newest thousand that
    were measured, of which the last was at `measured_at`."""

    name: str  # host:pid
    started_at: datetime
    at: datetime  # when it said so
    version: str
    n_requests: int
    measured_at: datetime | None
    stages: Mapping[str, StageTime]
    cache_asked: int  # rows that were looked up since the version was loaded
    cache_found: int
    scorer: str  # "compiled", "pipeline", or "heuristic" where no model answers
    scorer_reason: str | None  # why it is not a compiled one
    n_waiting: int  # rows that were not on disk yet

    def is_silent(self, now: datetime) -> bool:
        """Whether it has said nothing for too long."""
        return now - self.at > SILENT_AFTER


def combine_stages(workers: Sequence[ApiWorker]) -> dict[str, StageTime]:
    """The stages of several workers: means weighed by their requests, and the slowest p95.

    >>> at = datetime(2026, 3, 2)
    >>> a = ApiWorker("a", at, at, "v1", 2, at, {"log": StageTime(1, 1.0, 1.0)}, 0, 0, "", None, 0)
    >>> b = ApiWorker("b", at, at, "v1", 2, at, {"log": StageTime(3, 2.0, 5.0)}, 0, 0, "", None, 0)
    >>> combine_stages([a, b])
    {'log': StageTime(n=4, mean_ms=1.75, p95_ms=5.0)}
    """
    names = dict.fromkeys(name for worker in workers for name in worker.stages)
    combined = {}
    for name in names:
        found = [worker.stages[name] for worker in workers if name in worker.stages]
        n = sum(stage.n for stage in found)
        mean = sum(stage.n * stage.mean_ms for stage in found) / n
        combined[name] = StageTime(n, mean, max(stage.p95_ms for stage in found))
    return combined
