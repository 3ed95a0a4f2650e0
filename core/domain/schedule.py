"""A scheduled task: when it last ran, how that ended, and when it runs next."""

from dataclasses import dataclass
from datetime import datetime


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
