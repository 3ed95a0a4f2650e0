"""The installation's own affairs: API keys, API workers, changed settings and logins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AUTOMATION = "plumbline"
"""The name of the program itself, where no person acted."""


@dataclass(frozen=True, slots=True)
class ClockJump:
    """The wall clock of a machine was set by `seconds`, negative for back; `at` is what it said
    afterwards."""

    at: datetime
    place: str
    seconds: float


class Scope(StrEnum):
    """A permission of a key."""

    PREDICT = "predict"
    FEEDBACK = "feedback"
    SAMPLES = "samples"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`prefix` is the part that may be shown."""

    id: int
    name: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    expires_at: datetime | None = None
    replaced_by: int | None = None  # the key that took its place
    used_at: datetime | None = None  # last, to the minute

    def is_live(self, now: datetime) -> bool:
        """Return True if it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def describe_state(self, now: datetime) -> str:
        """Return live, revoked, expired, or what it will be.

        >>> at = datetime(2026, 3, 2)
        >>> ApiKey(1, "a", "plk_", frozenset(), at, "ada", None, at).describe_state(at)
        'expired'
        """
        if self.revoked_at is not None:
            return "revoked"
        if not self.is_live(now):
            return "expired" if self.replaced_by is None else "rotated"
        if self.expires_at is None:
            return "live"
        if self.replaced_by is None:
            return f"expires on {self.expires_at:%Y-%m-%d}"
        return f"rotated, ends {self.expires_at:%Y-%m-%d %H:%M} UTC"


SAID_EVERY = timedelta(minutes=1)
SILENT_AFTER = timedelta(minutes=3)
"""A worker that has said nothing for so long has ended, or cannot reach the store."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """The latency of one stage in the newest measured requests."""

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
        """Return True if its last report is too old."""
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


@dataclass(frozen=True, slots=True)
class SettingChange:
    """`value` is the text as it would stand in the environment; None returns to that."""

    name: str
    value: str | None
    at: datetime
    by: str
    reason: str


class SessionEnd(StrEnum):
    """The reason for a session's end."""

    LOGOUT = "logout"
    IDLE = "idle"
    TOO_OLD = "too_old"
    NEW_LOGIN = "new_login"  # the same browser logged in again
    NOT_ALLOWED = "not_allowed"  # the person is no longer in the list
    ADMIN = "admin"  # an admin ended it


@dataclass(frozen=True, slots=True)
class Session:
    """One login of one browser."""

    id: int
    email: str  # in lower case
    started_at: datetime
    authenticated_at: datetime  # when the provider last asked the person who they are
    seen_at: datetime  # when the person last did something, to the minute
    place: str  # the address the login came from
    ended_at: datetime | None = None
    groups: tuple[str, ...] = ()  # as the provider named them at the login


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The longest lifetime of a session."""

    idle: timedelta  # without anything being done
    whole: timedelta  # in all


def find_session_end(session: Session, limits: SessionLimits, now: datetime) -> SessionEnd | None:
    """Return the limit that a session has passed, or None."""
    if now - session.started_at >= limits.whole:
        return SessionEnd.TOO_OLD
    if now - session.seen_at >= limits.idle:
        return SessionEnd.IDLE
    return None
