"""An incident is what its events say."""

from datetime import timedelta

import pytest

from core.domain.incident import EventKind, IncidentEvent, IncidentStatus
from core.domain.monitoring import Health
from core.errors import NotFound
from core.store.engine.database import Database
from core.store.monitoring import incidents
from tests.streams import HOUR, MINUTE, NOON


def append(db: Database, incident_id: int, *kinds: EventKind, severity: Health) -> None:
    with db.write() as conn:
        for i, kind in enumerate(kinds):
            incidents.append_event(
                conn,
                IncidentEvent(
                    incident_id,
                    NOON + (i + 1) * MINUTE,
                    kind,
                    severity,
                    f"{kind.value}!",
                    "ada",
                    NOON + HOUR if kind is EventKind.SNOOZED else None,
                ),
            )


def open_one(db: Database, cause: str = "latency") -> int:
    with db.write() as conn:
        return incidents.open_incident(
            conn, cause, Health.WARNING, "p95 is 120 ms", "plumbline", NOON
        ).id


def test_a_new_incident_is_open_with_its_first_event(db: Database) -> None:
    incident_id = open_one(db)
    with db.read() as conn:
        incident = incidents.get_incident(conn, incident_id)
    assert incident.cause == "latency"
    assert incident.opened_at == NOON
    assert incident.status is IncidentStatus.OPEN
    assert incident.severity is Health.WARNING
    assert incident.message == "p95 is 120 ms"
    assert [event.kind for event in incident.events] == [EventKind.OPENED]
    assert incident.resolved_at is None


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ((EventKind.ACKNOWLEDGED,), IncidentStatus.ACKNOWLEDGED),
        ((EventKind.ACKNOWLEDGED, EventKind.EASED), IncidentStatus.ACKNOWLEDGED),
        ((EventKind.ACKNOWLEDGED, EventKind.RETURNED), IncidentStatus.ACKNOWLEDGED),
        ((EventKind.ACKNOWLEDGED, EventKind.WORSENED), IncidentStatus.OPEN),
        ((EventKind.SNOOZED,), IncidentStatus.SNOOZED),
        ((EventKind.SNOOZED, EventKind.WORSENED), IncidentStatus.OPEN),
        ((EventKind.EASED, EventKind.RESOLVED), IncidentStatus.RESOLVED),
    ],
)
def test_the_status_follows_from_the_events(
    db: Database, kinds: tuple[EventKind, ...], status: IncidentStatus
) -> None:
    incident_id = open_one(db)
    append(db, incident_id, *kinds, severity=Health.WARNING)
    with db.read() as conn:
        assert incidents.get_incident(conn, incident_id).status is status


def test_what_people_say_does_not_hide_what_was_found(db: Database) -> None:
    incident_id = open_one(db)
    append(db, incident_id, EventKind.WORSENED, EventKind.ACKNOWLEDGED, severity=Health.CRITICAL)
    with db.read() as conn:
        incident = incidents.get_incident(conn, incident_id)
    assert incident.message == "worsened!"
    assert incident.events[-1].message == "acknowledged!"


def test_the_worst_severity_is_kept_when_it_eases(db: Database) -> None:
    incident_id = open_one(db)
    append(db, incident_id, EventKind.WORSENED, severity=Health.CRITICAL)
    append(db, incident_id, EventKind.EASED, severity=Health.HEALTHY)
    with db.read() as conn:
        incident = incidents.get_incident(conn, incident_id)
    assert incident.severity is Health.HEALTHY
    assert incident.worst is Health.CRITICAL


def test_a_snooze_runs_out(db: Database) -> None:
    incident_id = open_one(db)
    append(db, incident_id, EventKind.SNOOZED, EventKind.EASED, severity=Health.WARNING)
    with db.read() as conn:
        incident = incidents.get_incident(conn, incident_id)
    assert incident.status_at(NOON + 59 * MINUTE) is IncidentStatus.SNOOZED
    assert incident.status_at(NOON + HOUR) is IncidentStatus.OPEN


def test_resolved_incidents_are_found_by_when_they_ended(db: Database) -> None:
    first, second, third = open_one(db, "a"), open_one(db, "b"), open_one(db, "c")
    append(db, first, EventKind.RESOLVED, severity=Health.WARNING)
    append(db, third, EventKind.ACKNOWLEDGED, EventKind.RESOLVED, severity=Health.WARNING)
    with db.read() as conn:
        assert [i.id for i in incidents.load_unresolved(conn)] == [second]
        assert [i.id for i in incidents.load_resolved_since(conn, NOON)] == [first, third]
        later = NOON + timedelta(seconds=90)
        assert [i.id for i in incidents.load_resolved_since(conn, later)] == [third]
        assert [i.id for i in incidents.load_incidents(conn, 2)] == [third, second]
        resolved = incidents.get_incident(conn, first)
    assert resolved.resolved_at == NOON + MINUTE


def test_an_incident_that_does_not_exist_is_not_found(db: Database) -> None:
    with db.read() as conn, pytest.raises(NotFound, match="no incident 7"):
        incidents.get_incident(conn, 7)
