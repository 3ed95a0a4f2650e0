"""What a check finds, seen twice, so that an incident opens."""

from collections.abc import Sequence
from datetime import datetime

from core.alerts.incidents import record
from core.alerts.rules import CONFIRM_AFTER, Finding, read_findings
from core.domain.incident import EventKind, IncidentEvent
from core.domain.monitoring import HealthReport
from core.store.engine.database import Database


def see(
    db: Database, found: HealthReport | Sequence[Finding], now: datetime
) -> list[IncidentEvent]:
    """Let the incidents say what was found, once more where that leaves one pending; the events but
    for the pending ones."""
    findings = read_findings(found) if isinstance(found, HealthReport) else list(found)
    events = record(db, findings, now)
    if any(event.kind is EventKind.PENDING for event in events):
        events += record(db, findings, now + CONFIRM_AFTER)
    return [event for event in events if event.kind is not EventKind.PENDING]
