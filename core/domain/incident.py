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
    EASED = "eased"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


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
    severity: Health
    message: str
    events: tuple[IncidentEvent, ...]  # oldest first

    @property
    def resolved_at(self) -> datetime | None:
        """When it ended, or None while it lasts."""
        return self.events[-1].at if self.status is IncidentStatus.RESOLVED else None
