"""Work that is a row: jobs, scheduled tasks, and the lease of whoever runs them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.clock import has_passed
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
    n_heartbeats: int  # whoever sees it grow knows that the process lives, whatever the clock says
    finished_at: datetime | None
    pid: int | None
    progress: float
    message: str
    result: Mapping[str, object] | None
    error: str | None
    cancel_requested_by: str | None


REGISTERED = " is registered"
"""How the last message of a training ends its first word, once there is nothing to lose."""


def describe_loss(job: Job, why: str) -> str:
    """Return why a job is lost and what to do: to start it again, unless its version is registered.

    >>> from types import SimpleNamespace
    >>> describe_loss(SimpleNamespace(message="searching"), "Its process died.")
    'Its process died. Start it again.'
    >>> describe_loss(SimpleNamespace(message="v3 is registered"), "Its process died.")
    'Its process died. Before that, v3 was registered: look at it before you train again.'
    """
    name, is_registered, _ = job.message.partition(REGISTERED)
    if not is_registered:
        return f"{why} Start it again."
    return f"{why} Before that, {name} was registered: look at it before you train again."


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


LEASE_DURATION = timedelta(seconds=15)
"""The time without a renewal after which a lease is free."""

SCHEDULER = "scheduler"
"""Whoever holds this runs the scheduled tasks and the jobs."""


@dataclass(frozen=True, slots=True)
class Lease:
    """`holder` names a process ("worker:host:pid:token"). It is renewed several times in its
    duration: who sees it unchanged for all of it may take it over."""

    name: str
    holder: str
    acquired_at: datetime
    expires_at: datetime  # by the holder's clock, for people; no process acts on it
    n_renewals: int

    def is_live(self, now: datetime) -> bool:
        """Return whether the lease was renewed lately, as far as the wall clock can tell: one that
        ends later than a lease lasts was written before the clock was set back.

        >>> noon = datetime(2026, 3, 2, 12)
        >>> lease = Lease("scheduler", "worker:a:1:f3", noon, noon + LEASE_DURATION, 0)
        >>> hours = (-3, 0, 3)
        >>> [lease.is_live(noon + timedelta(hours=n)) for n in hours]
        [False, True, False]
        """
        return not has_passed(self.expires_at - LEASE_DURATION, LEASE_DURATION, now)
