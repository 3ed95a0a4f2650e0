"""Incidents: a header row each, and its events, which are appended."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.incident import (
    ENDS,
    FINDINGS,
    EventKind,
    Incident,
    IncidentEvent,
    IncidentStatus,
    choose_cause,
    find_worst,
)
from core.domain.monitoring import Health
from core.errors import NotFound
from core.store.engine import schema

_incidents = schema.incidents
_events = schema.incident_events

_STATUS_AFTER = {
    EventKind.PENDING: IncidentStatus.PENDING,
    EventKind.WITHDRAWN: IncidentStatus.RESOLVED,
    EventKind.OPENED: IncidentStatus.OPEN,
    EventKind.WORSENED: IncidentStatus.OPEN,
    EventKind.ACKNOWLEDGED: IncidentStatus.ACKNOWLEDGED,
    EventKind.SNOOZED: IncidentStatus.SNOOZED,
    EventKind.RESOLVED: IncidentStatus.RESOLVED,
}
_ENDS = [kind.value for kind in ENDS]


def open_incident(
    conn: sa.Connection,
    cause: str,
    severity: Health,
    message: str,
    by: str,
    now: datetime,
    kind: EventKind = EventKind.OPENED,
) -> Incident:
    """Open an incident with its first event; return its id."""
    result = conn.execute(
        _incidents.insert().values(cause=cause, opened_at=now).returning(_incidents.c.id)
    )
    incident_id = int(result.scalar_one())
    append_event(conn, IncidentEvent(incident_id, now, kind, severity, message, by))
    return get_incident(conn, incident_id)


def append_event(conn: sa.Connection, event: IncidentEvent) -> None:
    """Append to an incident's timeline."""
    conn.execute(
        _events.insert().values(
            incident_id=event.incident_id,
            at=event.at,
            kind=event.kind.value,
            severity=event.severity.value,
            message=event.message,
            by=event.by,
            until_at=event.until_at,
            cause=event.check or None,
        )
    )


def get_incident(conn: sa.Connection, incident_id: int) -> Incident:
    """Return an incident; raises `NotFound`."""
    rows = conn.execute(sa.select(_incidents).where(_incidents.c.id == incident_id)).all()
    if not rows:
        raise NotFound(f"There is no incident {incident_id}: `incidents` lists those that exist.")
    return _with_events(conn, rows)[0]


def load_unresolved(conn: sa.Connection) -> list[Incident]:
    """Return the unresolved incidents, oldest first."""
    resolved = sa.select(_events.c.incident_id).where(_events.c.kind.in_(_ENDS))
    rows = conn.execute(
        sa.select(_incidents).where(_incidents.c.id.not_in(resolved)).order_by(_incidents.c.id)
    ).all()
    return _with_events(conn, rows)


def load_resolved_since(conn: sa.Connection, since_at: datetime) -> list[Incident]:
    """Return the incidents that ended at a moment or later, oldest first."""
    resolved = sa.select(_events.c.incident_id).where(
        _events.c.kind == EventKind.RESOLVED.value, _events.c.at >= since_at
    )
    rows = conn.execute(
        sa.select(_incidents).where(_incidents.c.id.in_(resolved)).order_by(_incidents.c.id)
    ).all()
    return _with_events(conn, rows)


def load_by_ids(conn: sa.Connection, incident_ids: Sequence[int]) -> list[Incident]:
    """Return some incidents, oldest first."""
    rows = conn.execute(
        sa.select(_incidents).where(_incidents.c.id.in_(incident_ids)).order_by(_incidents.c.id)
    ).all()
    return _with_events(conn, rows)


def load_openings(conn: sa.Connection, since_at: datetime) -> dict[str, list[datetime]]:
    """Return, by first check, the times since a moment at which incidents opened."""
    rows = conn.execute(
        sa.select(_incidents.c.cause, _events.c.at)
        .join(_events, _events.c.incident_id == _incidents.c.id)
        .where(_events.c.kind == EventKind.OPENED.value, _events.c.at >= since_at)
    )
    openings: dict[str, list[datetime]] = {}
    for row in rows:
        openings.setdefault(row.cause, []).append(row.at)
    return openings


def count_judged(conn: sa.Connection) -> dict[str, dict[EventKind, int]]:
    """Count, by cause, the incidents that people marked as real and as noise; the last mark
    counts."""
    kinds = [EventKind.REAL.value, EventKind.NOISE.value]
    last = (
        sa.select(sa.func.max(_events.c.id))
        .where(_events.c.kind.in_(kinds))
        .group_by(_events.c.incident_id)
    )
    rows = conn.execute(
        sa.select(_incidents.c.cause, _events.c.kind, sa.func.count().label("n"))
        .join(_events, _events.c.incident_id == _incidents.c.id)
        .where(_events.c.id.in_(last))
        .group_by(_incidents.c.cause, _events.c.kind)
    )
    counted: dict[str, dict[EventKind, int]] = {}
    for row in rows:
        counted.setdefault(row.cause, {})[EventKind(row.kind)] = row.n
    return counted


def load_incidents(conn: sa.Connection, limit: int) -> list[Incident]:
    """Return the newest incidents, newest first."""
    rows = conn.execute(sa.select(_incidents).order_by(_incidents.c.id.desc()).limit(limit)).all()
    return _with_events(conn, rows)


def _with_events(conn: sa.Connection, rows: Sequence[Any]) -> list[Incident]:
    events: dict[int, list[IncidentEvent]] = {row.id: [] for row in rows}
    found = conn.execute(
        sa.select(_events).where(_events.c.incident_id.in_(events)).order_by(_events.c.id)
    )
    for row in found:
        events[row.incident_id].append(build_event(row))
    return [_incident(row, tuple(events[row.id])) for row in rows]


def build_event(row: Any) -> IncidentEvent:
    """Return the event of a row of `incident_events`."""
    return IncidentEvent(
        incident_id=row.incident_id,
        at=row.at,
        kind=EventKind(row.kind),
        severity=Health(row.severity),
        message=row.message,
        by=row.by,
        until_at=row.until_at,
        check=row.cause or "",
    )


def _incident(row: Any, told: tuple[IncidentEvent, ...]) -> Incident:
    events = tuple(replace(event, check=event.check or row.cause) for event in told)
    status = IncidentStatus.OPEN
    for event in events:
        status = _STATUS_AFTER.get(event.kind, status)
    found = {event.check: event for event in events if event.kind in FINDINGS}
    cause = choose_cause(found)
    return Incident(
        id=row.id,
        cause=cause,
        opened_at=row.opened_at,
        status=status,
        severity=find_worst([event.severity for event in found.values()]),
        message=found[cause].message,
        events=events,
    )
