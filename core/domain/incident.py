"""An incident: one cause that is wrong for a while, with everything that was done about it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.health import Health


class IncidentStatus(StrEnum):
    """The state after the newest event."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class EventKind(StrEnum):
    """What an event row did to its incident."""

    OPENED = "opened"
    WORSENED = "worsened"
    EASED = "eased"  # to healthy: it is clear for now and ends if it stays so
    RETURNED = "returned"  # after it had eased, no worse than it was before
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    MENDED = "mended"  # something was done about it by itself: a rollback
    REAL = "real"  # a person's verdict on the call, also after the end
    NOISE = "noise"


JUDGEMENTS = frozenset({EventKind.REAL, EventKind.NOISE})


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One appended row of an incident's timeline."""

    incident_id: int
    at: datetime
    kind: EventKind
    severity: Health
    message: str
    by: str  # a person, or "plumbline" for a rule
    until_at: datetime | None = None  # of a snooze


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause, from its opening on; `cause` is unique among the incidents not resolved."""

    id: int
    cause: str
    opened_at: datetime
    status: IncidentStatus
    severity: Health  # healthy while it is clear but not resolved yet
    message: str  # what was found last; what people said is in the events
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
    def resolved_at(self) -> datetime | None:
        """When it ended, or None while it lasts."""
        return None if self.resolution is None else self.resolution.at

    @property
    def resolution(self) -> IncidentEvent | None:
        """The event that ended it, or None while it lasts."""
        ends = (event for event in reversed(self.events) if event.kind is EventKind.RESOLVED)
        return next(ends, None)

    @property
    def judgement(self) -> EventKind | None:
        """What a person called it last: real or noise; None where nobody said."""
        said = (event.kind for event in reversed(self.events) if event.kind in JUDGEMENTS)
        return next(said, None)
