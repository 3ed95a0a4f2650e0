"""An incident: what its events say of it."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.incident import EventKind, Incident, IncidentEvent, IncidentStatus
from core.domain.monitoring import Health

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def event(
    kind: EventKind, severity: Health, hours: int, until_at: datetime | None = None
) -> IncidentEvent:
    return IncidentEvent(1, NOON + hours * HOUR, kind, severity, "12 % failed", "ada", until_at)


def incident(status: IncidentStatus, *events: IncidentEvent) -> Incident:
    return Incident(1, "error_rate", NOON, status, events[-1].severity, "12 % failed", events)


OPENED = event(EventKind.OPENED, Health.WARNING, 0)
WORSENED = event(EventKind.WORSENED, Health.CRITICAL, 1)
EASED = event(EventKind.EASED, Health.HEALTHY, 2)
RESOLVED = event(EventKind.RESOLVED, Health.HEALTHY, 3)


def test_an_incident_that_lasts_has_no_end() -> None:
    assert incident(IncidentStatus.OPEN, OPENED).resolved_at is None
    assert incident(IncidentStatus.OPEN, OPENED, WORSENED, EASED).resolved_at is None


def test_an_incident_ended_when_it_was_resolved() -> None:
    ended = incident(IncidentStatus.RESOLVED, OPENED, EASED, RESOLVED)
    assert ended.resolved_at == NOON + 3 * HOUR


def test_the_worst_that_an_incident_was_is_remembered_when_it_has_eased() -> None:
    assert incident(IncidentStatus.OPEN, OPENED, EASED).worst is Health.WARNING
    assert incident(IncidentStatus.OPEN, OPENED, WORSENED, EASED).worst is Health.CRITICAL


@pytest.mark.parametrize("status", [s for s in IncidentStatus if s is not IncidentStatus.SNOOZED])
def test_the_clock_changes_nothing_but_a_snooze(status: IncidentStatus) -> None:
    assert incident(status, OPENED).status_at(NOON + 1000 * HOUR) is status


def test_a_snooze_ends_at_its_time() -> None:
    snoozed = event(EventKind.SNOOZED, Health.WARNING, 1, until_at=NOON + 4 * HOUR)
    quiet = incident(IncidentStatus.SNOOZED, OPENED, snoozed)
    moment = timedelta(microseconds=1)
    assert quiet.status_at(NOON + 4 * HOUR - moment) is IncidentStatus.SNOOZED
    assert quiet.status_at(NOON + 4 * HOUR) is IncidentStatus.OPEN


def test_the_last_of_several_snoozes_counts() -> None:
    longer = event(EventKind.SNOOZED, Health.WARNING, 1, until_at=NOON + 9 * HOUR)
    shorter = event(EventKind.SNOOZED, Health.WARNING, 2, until_at=NOON + 4 * HOUR)
    quiet = incident(IncidentStatus.SNOOZED, OPENED, longer, shorter)
    assert quiet.status_at(NOON + 5 * HOUR) is IncidentStatus.OPEN
