"""A job: long work as a row, so that it survives a reload and is found when it dies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Progress = Callable[[float, str], None]
"""Called by long work with the share done (0..1) and what it is doing now; raises `Cancelled`
where somebody asked for it to stop."""


class JobStatus(StrEnum):
    """Where a job is; the last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # its process died without a word


FINAL = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.LOST})


@dataclass(frozen=True, slots=True)
class Job:
    """`progress` is a share 0..1; `error` is a sentence for an operator."""

    id: int
    kind: str  # "import", "train", "demo", "replay"
    args: Mapping[str, object]
    status: JobStatus
    requested_at: datetime
    requested_by: str
    reason: str
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None
    pid: int | None
    progress: float
    message: str
    result: Mapping[str, object] | None
    error: str | None
    cancel_requested_by: str | None
