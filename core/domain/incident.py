"""An incident with its events, and the messages that it causes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.monitoring import Health

EXPLAINS: Mapping[str, tuple[str, ...]] = {
    "disk": ("error_rate", "fallback", "labels", "no_traffic"),  # nothing can be acknowledged
    "no_traffic": ("labels",),  # what is not asked is not labelled
    "drift": ("collapsed", "error_growth", "accuracy"),  # a missing or changed input
    "collapsed": ("error_growth", "accuracy"),  # one score for everything is mostly wrong
    "error_growth": ("accuracy",),  # the promise of the version, and the level that is asked for
    "fallback": ("error_rate", "refused"),  # what nobody can answer fails, or is refused
}
"""Which checks go wrong because of which: they are one incident, named by the first that is in
it."""

_WORDS = {
    "error_growth": "error above its promise",
    "accuracy": "accuracy below its threshold",
    "clock": "the clock was set",
    "collapsed": "scores collapsed",
    "disk": "disk nearly full",
    "drift": "inputs drifted",
    "echo": "labels echo the scores",
    "error_rate": "requests fail",
    "fallback": "heuristic answers",
    "labels": "labels stopped",
    "no_traffic": "requests stopped",
    "refused": "calls refused",
    "notifications": "a channel fails",
    "retraining": "trainings come to nothing",
    "retention": "a removal waits for a person",
}

_RANK = {Health.HEALTHY: 0, Health.WARNING: 1, Health.CRITICAL: 2}


class IncidentStatus(StrEnum):
    """The state after the newest event."""

    PENDING = "pending"  # seen once: nobody is called before a second check agrees
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class EventKind(StrEnum):
    """The kind of an event of an incident."""

    PENDING = "pending"  # seen for the first time
    WITHDRAWN = "withdrawn"  # gone at the second check: nobody was called
    OPENED = "opened"  # a second check agreed
    JOINED = "joined"  # another check that goes wrong from the same cause
    WORSENED = "worsened"
    EASED = "eased"  # to healthy: it is clear for now and ends if it stays so
    RETURNED = "returned"  # after it had eased, no worse than it was before
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    MENDED = "mended"  # something was done about it by itself: a rollback
    KEPT = "kept"  # a release was not rolled back, and why
    REAL = "real"  # a person's verdict on the call, also after the end
    NOISE = "noise"


JUDGEMENTS = frozenset({EventKind.REAL, EventKind.NOISE})
FINDINGS = frozenset(
    {
        EventKind.PENDING,
        EventKind.OPENED,
        EventKind.JOINED,
        EventKind.WORSENED,
        EventKind.EASED,
        EventKind.RETURNED,
    }
)
"""What checks say, each of itself."""

ENDS = frozenset({EventKind.RESOLVED, EventKind.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One appended row of an incident's timeline."""

    incident_id: int
    at: datetime
    kind: EventKind
    severity: Health
    message: str
    by: str  # a person or AUTOMATION
    until_at: datetime | None = None  # of a snooze
    check: str = ""  # which check found it; empty: the one that the incident began with


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause, from the first sight on; a check is in at most one incident that lasts."""

    id: int
    cause: str  # the check that explains the others in it
    opened_at: datetime  # when it was first seen
    status: IncidentStatus
    severity: Health  # of the worst check; healthy while all are clear but it is not resolved yet
    message: str  # what the cause's check found last; what people said is in the events
    events: tuple[IncidentEvent, ...]  # oldest first

    @property
    def worst(self) -> Health:
        """The highest severity that it ever had."""
        return (
            Health.CRITICAL
            if any(event.severity is Health.CRITICAL for event in self.events)
            else Health.WARNING
        )

    def status_at(self, now: datetime) -> IncidentStatus:
        """The status with a snooze that has run out counted as open."""
        if self.status is not IncidentStatus.SNOOZED:
            return self.status
        until_at = next(e.until_at for e in reversed(self.events) if e.kind is EventKind.SNOOZED)
        return (
            IncidentStatus.SNOOZED
            if until_at is not None and now < until_at
            else IncidentStatus.OPEN
        )

    @property
    def checks(self) -> dict[str, Health]:
        """Each check in it with what it found last, in the order in which they went wrong."""
        found = (event for event in self.events if event.kind in FINDINGS)
        return {event.check or self.cause: event.severity for event in found}

    def find_since(self, check: str, severity: Health) -> datetime | None:
        """Return since when a check has been found with this severity at each look that changed
        it; None if it was found otherwise last."""
        since = None
        for event in self.events:
            if event.kind in FINDINGS and (event.check or self.cause) == check:
                since = None if event.severity is not severity else since or event.at
        return since

    @property
    def evidence(self) -> tuple[IncidentEvent, ...]:
        """Return the last messages of the failed checks in it, other than its cause's."""
        found = {
            event.check or self.cause: event for event in self.events if event.kind in FINDINGS
        }
        return tuple(
            event
            for check, event in found.items()
            if check != self.cause and event.severity is not Health.HEALTHY
        )

    def has_bad(self, checks: Collection[str]) -> bool:
        """Return True if it contains one of these checks and that failed at the last look."""
        return any(
            check in checks and severity is not Health.HEALTHY
            for check, severity in self.checks.items()
        )

    @property
    def was_opened(self) -> bool:
        """Return True if a second check confirmed it."""
        return any(event.kind is EventKind.OPENED for event in self.events)

    @property
    def resolved_at(self) -> datetime | None:
        """Return the time of its end, or None while it lasts."""
        return None if self.resolution is None else self.resolution.at

    @property
    def resolution(self) -> IncidentEvent | None:
        """The event that ended it, or None while it lasts."""
        ends = (event for event in reversed(self.events) if event.kind in ENDS)
        return next(ends, None)

    @property
    def judgement(self) -> EventKind | None:
        """Return the last judgement of a person, real or noise; None without one."""
        said = (event.kind for event in reversed(self.events) if event.kind in JUDGEMENTS)
        return next(said, None)


def describe_cause(cause: str) -> str:
    """Describe a cause in a few words.

    >>> describe_cause("labels"), describe_cause("latency")
    ('labels stopped', 'latency')
    """
    return _WORDS.get(cause, cause)


def read_cause(text: str) -> str:
    """Return the cause that a person typed, by its name of today.

    >>> read_cause("accuracy_level"), read_cause("latency")
    ('accuracy', 'latency')
    """
    return "accuracy" if text == "accuracy_level" else text


def choose_cause(checks: Collection[str]) -> str:
    """The check that explains the others: the first of `EXPLAINS` that is among them and explains
    one of them, else the first.

    >>> choose_cause(["error_growth", "collapsed"])
    'collapsed'
    >>> choose_cause(["error_growth", "latency"])
    'error_growth'
    """
    found = (
        cause
        for cause, follow in EXPLAINS.items()
        if cause in checks and not set(follow).isdisjoint(checks)
    )
    return next(found, next(iter(checks)))


def belongs(check: str, others: Collection[str]) -> bool:
    """Return True if a failed check is of one cause with others that failed.

    >>> belongs("error_growth", ["collapsed"]), belongs("collapsed", ["error_growth"])
    (True, True)
    >>> belongs("latency", ["error_growth", "drift"])
    False
    """
    return any(
        check in EXPLAINS.get(other, ()) or other in EXPLAINS.get(check, ()) for other in others
    )


def find_worst(severities: Collection[Health]) -> Health:
    """The highest of some severities.

    >>> find_worst([Health.HEALTHY, Health.CRITICAL, Health.WARNING]).value
    'critical'
    """
    return max(severities, key=_RANK.__getitem__)


class DeliveryState(StrEnum):
    """The state of a delivery; one that is claimed and never finished is claimed again."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    SENT = "sent"
    DROPPED = "dropped"  # on purpose: `error` says why
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event of an incident on its way to one channel; without an event, a test."""

    id: int
    event_id: int | None
    incident_id: int | None
    channel: str  # a short hash of the channel's address
    label: str  # its service, and which entry of the setting it is
    state: DeliveryState
    created_at: datetime
    due_at: datetime
    n_attempts: int
    finished_at: datetime | None
    error: str | None  # of the last attempt, or why it was dropped


@dataclass(frozen=True, slots=True)
class Message:
    """The text for a person: plain, a sentence a line, and an address of ours below it. `critical`
    ones do not wait for the end of quiet hours."""

    title: str
    body: str
    critical: bool
    link: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """The outcome of one message at one channel; `error` is None if it was taken. `retry_after` is
    the header of that name in the channel's answer."""

    channel: str
    label: str
    error: str | None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Announced work: until it ends, incidents are recorded and nobody is called."""

    at: datetime
    until_at: datetime
    by: str
    reason: str
