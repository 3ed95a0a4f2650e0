"""Incidents: opened, changed and resolved by the rules, acknowledged, snoozed and resolved by
people."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from core.alerts.rules import REOPEN_AFTER, Finding, decide_steps, read_findings
from core.audit.attempt import AuditedWrite, attempt
from core.domain.actor import Act, Actor
from core.domain.incident import JUDGEMENTS, EventKind, Incident, IncidentEvent, IncidentStatus
from core.domain.installation import AUTOMATION
from core.domain.monitoring import HealthReport
from core.errors import Conflict, InvalidInput
from core.log import get_logger
from core.store.engine.database import Connection, Database
from core.store.monitoring import incidents

MAX_SNOOZE = timedelta(days=30)
_NO_REASON = "no reason given"

log = get_logger(__name__)


def detect(
    db: Database, report: HealthReport, now: datetime, more: Sequence[Finding] = ()
) -> list[IncidentEvent]:
    """Apply a health report, and what else was found, to the incidents; return the appended
    events. Parallel calls append each change once."""
    return record(db, [*read_findings(report), *more], now)


def record(db: Database, findings: list[Finding], now: datetime) -> list[IncidentEvent]:
    """Apply findings to the incidents; return the appended events."""
    appended = []
    with db.write() as conn:
        unresolved = incidents.load_unresolved(conn)
        resolved = incidents.load_resolved_since(conn, now - REOPEN_AFTER)
        begun: dict[str, int] = {}
        for step in decide_steps(findings, unresolved, resolved, now):
            if step.kind is EventKind.PENDING:
                new = incidents.open_incident(
                    conn, step.check, step.severity, step.message, AUTOMATION, now, step.kind
                )
                begun[step.began] = new.id
                appended.append(new.events[0])
                continue
            event = IncidentEvent(
                begun[step.began] if step.incident_id is None else step.incident_id,
                now,
                step.kind,
                step.severity,
                step.message,
                AUTOMATION,
                check=step.check,
            )
            incidents.append_event(conn, event)
            appended.append(event)
    for event in appended:
        log.info("incident_event", incident_id=event.incident_id, kind=event.kind.value)
    return appended


def acknowledge(
    db: Database, incident_id: int, *, by: Actor, reason: str, now: datetime
) -> Incident:
    """Acknowledge an incident and return it. Raises `NotFound`, and `Conflict` if it is
    acknowledged or resolved."""
    with _attempt(db, incident_id, by, reason, now) as act, act.write() as conn:
        incident = _get_unresolved(conn, incident_id)
        if incident.status is IncidentStatus.ACKNOWLEDGED:
            raise Conflict(
                f"Incident {incident_id} is acknowledged already: {_describe_last(incident)}."
            )
        return _append_by(conn, act, incident, EventKind.ACKNOWLEDGED)


def snooze(
    db: Database, incident_id: int, *, duration: timedelta, by: Actor, reason: str, now: datetime
) -> Incident:
    """Mute an incident for a while, or until it gets worse; return it. Raises `NotFound`,
    `Conflict` if it is resolved, and `InvalidInput` for more than 30 days."""
    if not timedelta(0) < duration <= MAX_SNOOZE:
        raise InvalidInput(
            f"An incident can be snoozed for up to {MAX_SNOOZE.days} days, and for more than "
            "nothing: give a duration in between."
        )
    with _attempt(db, incident_id, by, reason, now) as act, act.write() as conn:
        incident = _get_unresolved(conn, incident_id)
        return _append_by(conn, act, incident, EventKind.SNOOZED, now + duration)


def resolve(db: Database, incident_id: int, *, by: Actor, reason: str, now: datetime) -> Incident:
    """Resolve an incident by hand and return it. If the cause lasts, the rules open a new one after
    an hour, or at once if it gets worse. Raises `NotFound`, and `Conflict` if it is resolved."""
    with _attempt(db, incident_id, by, reason, now) as act, act.write() as conn:
        incident = _get_unresolved(conn, incident_id)
        return _append_by(conn, act, incident, EventKind.RESOLVED)


def judge(
    db: Database, incident_id: int, *, real: bool, by: Actor, reason: str, now: datetime
) -> Incident:
    """Mark an incident, also a resolved one, as real or as noise; the last mark counts. Raises
    `NotFound`."""
    kind = EventKind.REAL if real else EventKind.NOISE
    with _attempt(db, incident_id, by, reason, now) as act, act.write() as conn:
        incident = incidents.get_incident(conn, incident_id)
        return _append_by(conn, act, incident, kind)


def note_mended(db: Database, incident_id: int, message: str, now: datetime) -> Incident:
    """Append an automatic action to the timeline of an incident."""
    with db.write() as conn:
        incident = incidents.get_incident(conn, incident_id)
        return _append(conn, incident, EventKind.MENDED, AUTOMATION, message, now)


def note_kept(db: Database, incident_id: int, message: str, now: datetime) -> Incident:
    """Append to the timeline of an incident why a release was not rolled back."""
    with db.write() as conn:
        incident = incidents.get_incident(conn, incident_id)
        return _append(conn, incident, EventKind.KEPT, AUTOMATION, message, now)


def _attempt(
    db: Database, incident_id: int, by: Actor, reason: str, now: datetime
) -> AbstractContextManager[AuditedWrite]:
    target = f"incident {incident_id}"
    return attempt(db, by, Act.INCIDENT, target, now=now, reason=reason.strip())


def _append_by(
    conn: Connection,
    act: AuditedWrite,
    incident: Incident,
    kind: EventKind,
    until_at: datetime | None = None,
) -> Incident:
    act.note(before=incident.status.value, after=kind.value)
    return _append(conn, incident, kind, act.by.name, act.reason, act.now, until_at)


def _get_unresolved(conn: Connection, incident_id: int) -> Incident:
    incident = incidents.get_incident(conn, incident_id)
    if incident.status is IncidentStatus.RESOLVED:
        raise Conflict(
            f"Incident {incident_id} is resolved already: {_describe_last(incident)}. Nothing was "
            "changed."
        )
    return incident


def _append(
    conn: Connection,
    incident: Incident,
    kind: EventKind,
    by: str,
    reason: str,
    now: datetime,
    until_at: datetime | None = None,
) -> Incident:
    message = reason.strip() or _NO_REASON
    incidents.append_event(
        conn,
        IncidentEvent(incident.id, now, kind, incident.severity, message, by, until_at),
    )
    log.info("incident_event", incident_id=incident.id, kind=kind.value, by=by)
    return incidents.get_incident(conn, incident.id)


def _describe_last(incident: Incident) -> str:
    said = (event for event in reversed(incident.events) if event.kind not in JUDGEMENTS)
    event = next(said)
    return f"by {event.by} at {event.at:%Y-%m-%d %H:%M} UTC"
