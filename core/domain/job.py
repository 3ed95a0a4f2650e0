"""Work that is a row: jobs, scheduled tasks, and the lease of whoever runs them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import Refused

Progress = Callable[[float, str], None]
"""Called by long work with the share done (0..1) and what it is doing now; raises `Cancelled`
where somebody asked for it to stop."""


class JobStatus(StrEnum):
    """The status of a job; the last four are final."""

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
    kind: str  # "import", "train", "preview", "demo", "replay", "predict"
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


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Progress over a part of the whole.

    >>> part_of(lambda share, message: print(f"{share:.2f} {message}"), 0.2, 0.6)(0.5, "halfway")
    0.40 halfway
    """
    return lambda share, message: progress(min(start + share * (end - start), end), message)


def continue_search(job: Job, args: Mapping[str, object]) -> dict[str, object]:
    """The arguments of a training with what the search of a cancelled one had found; raises
    `Refused` where it had found nothing, or was another recipe's."""
    found = (job.result or {}).get("best")
    if job.status is not JobStatus.CANCELLED or not isinstance(found, Mapping):
        raise Refused(
            f"Job {job.id} is no cancelled training whose search had found something: `jobs` lists "
            "what each came to."
        )
    if job.args.get("recipe") != args["recipe"]:
        raise Refused(
            f"Job {job.id} searched for the recipe '{job.args.get('recipe')}': train that one with "
            "what it found."
        )
    return {**args, "objective": job.args.get("objective"), "parameters": dict(found)}


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """`last_error` is a sentence, or None where the last run ended well."""

    name: str
    every_seconds: float
    last_started_at: datetime | None
    last_finished_at: datetime | None
    last_outcome: str | None
    last_error: str | None
    next_run_at: datetime | None


SCHEDULER = "scheduler"
"""Whoever holds this runs the scheduled tasks and the jobs."""


@dataclass(frozen=True, slots=True)
class Lease:
    """`holder` names a process ("worker:host:pid"); after `expires_at` anyone may take over."""

    name: str
    holder: str
    acquired_at: datetime
    expires_at: datetime
