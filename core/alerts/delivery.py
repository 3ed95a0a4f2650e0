"""Delivery: plan one for each event that calls, claim what is due, send, and keep receipts.

A crash may send twice, never zero times: a claim that nobody finishes is claimed again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.alerts.channels import Channel, send
from core.alerts.incident_context import load_context
from core.alerts.incidents import record
from core.alerts.notification_policy import (
    FLAP_WINDOW,
    Call,
    IncidentSummary,
    QuietHours,
    build_message,
    build_test,
    choose_wait,
    count_opened,
    decide_call,
)
from core.alerts.rules import Finding
from core.audit.attempt import AuditedWrite, attempt
from core.domain.actor import Act, Actor
from core.domain.incident import Delivery, DeliveryReceipt, DeliveryState, Incident, IncidentEvent
from core.domain.monitoring import Health
from core.log import get_logger
from core.store.engine.database import Connection, Database
from core.store.monitoring import deliveries, incidents

CLAIM_PATIENCE = timedelta(minutes=2)
GIVE_UP_AFTER = timedelta(hours=24)
FAILING_ATTEMPTS = 3
"""Missed attempts after which a channel becomes an incident."""

_PIECE = 5_000

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Manners:
    """The rules of delivery: muted causes, and the hours in which warnings wait."""

    silent: tuple[str, ...]
    quiet: QuietHours | None
    address: str  # of the dashboard, for the links


def deliver(
    db: Database, channels: Sequence[Channel], manners: Manners, now: datetime
) -> list[DeliveryReceipt]:
    """Send what is due, one message a channel for all of its incidents; return the receipts."""
    _plan(db, channels, manners, now)
    with db.write() as conn:
        resting = deliveries.find_resting(conn, now)
        ready = [channel.key for channel in channels if channel.key not in resting]
        claimed = deliveries.claim_due(conn, ready, now, CLAIM_PATIENCE)
    receipts = _send_claimed(db, channels, claimed, manners, now) if claimed else []
    record(db, [judge_channels(db, channels)], now)
    return receipts


def send_test(
    db: Database, channels: Sequence[Channel], *, by: Actor, now: datetime
) -> list[DeliveryReceipt]:
    """Send one message to every channel at once; keep and return the receipts."""
    message = build_test(by.name, now)
    with attempt(db, by, Act.TRY_CHANNELS, "every channel", now=now) as act:
        receipts = send(channels, [message] * len(channels))
        _keep_receipts(act, receipts)
    return receipts


def _keep_receipts(act: AuditedWrite, receipts: Sequence[DeliveryReceipt]) -> None:
    rows = [
        {
            "event_id": None,
            "channel": receipt.channel,
            "label": receipt.label,
            "state": DeliveryState.FAILED if receipt.error else DeliveryState.SENT,
            "due_at": act.now,
            "error": receipt.error,
        }
        for receipt in receipts
    ]
    with act.write() as conn:
        deliveries.append_deliveries(conn, rows, act.now)


def judge_channels(db: Database, channels: Sequence[Channel]) -> Finding:
    """Return a finding on whether every channel takes its messages; it may open an incident."""
    keys = {channel.key for channel in channels}
    with db.read() as conn:
        failing = [d for d in deliveries.load_failing(conn, FAILING_ATTEMPTS) if d.channel in keys]
    if not failing:
        return Finding("notifications", Health.HEALTHY, "Every channel takes its messages.")
    severity = Health.CRITICAL if len(failing) == len(keys) else Health.WARNING
    words = "; ".join(
        f"{d.label} has not taken a message since {d.created_at:%Y-%m-%d %H:%M} UTC: {d.error}"
        for d in failing
    )
    return Finding("notifications", severity, f"{words}.")


def _plan(db: Database, channels: Sequence[Channel], manners: Manners, now: datetime) -> None:
    """Plan a delivery to each channel for each new event, or record that it has none."""
    with db.write() as conn:
        window = deliveries.find_window(conn, now)
        while events := deliveries.load_unplanned(conn, _PIECE):
            found = _load_incidents(conn, [event.incident_id for _, event in events])
            first_at = min(incident.opened_at for incident in found.values())
            openings = incidents.load_openings(conn, first_at - FLAP_WINDOW)
            rows: dict[int, list[dict[str, Any]]] = {}  # by incident
            for event_id, event in events:
                incident = found[event.incident_id]
                check = incident.events[0].check
                call = decide_call(
                    replace(event, check=event.check or check),
                    incident,
                    n_opened=count_opened(openings.get(check, []), incident),
                    silent=manners.silent,
                    maintenance=window,
                    quiet=manners.quiet,
                    now=now,
                )
                if call is not None:
                    kept = rows.setdefault(incident.id, [])
                    if call.supersedes:
                        deliveries.drop_held(conn, incident.id, now)
                        waits = call.state is DeliveryState.WAITING
                        kept[:] = [row for row in kept if waits and row["due_at"] <= now]
                    kept += [_row(event_id, channel, call) for channel in channels]
            planned = [row for kept in rows.values() for row in kept]
            deliveries.append_deliveries(conn, planned, now)
            deliveries.save_planned(conn, events[-1][0])


def _load_incidents(conn: Connection, incident_ids: Sequence[int]) -> dict[int, Incident]:
    found = incidents.load_by_ids(conn, sorted(set(incident_ids)))
    return {incident.id: incident for incident in found}


def _row(event_id: int, channel: Channel, call: Call) -> dict[str, object]:
    return {
        "event_id": event_id,
        "channel": channel.key,
        "label": channel.label,
        "state": call.state,
        "due_at": call.due_at,
        "error": call.why,
    }


def _send_claimed(
    db: Database,
    channels: Sequence[Channel],
    claimed: Sequence[Delivery],
    manners: Manners,
    now: datetime,
) -> list[DeliveryReceipt]:
    heard = [(channel, [d for d in claimed if d.channel == channel.key]) for channel in channels]
    waiting = [(channel, found) for channel, found in heard if found]
    with db.read() as conn:
        stories = _load_stories(conn, claimed, manners)
    messages = [
        build_message(_newest_of_each([stories[d.event_id] for d in found])) for _, found in waiting
    ]
    receipts = send([channel for channel, _ in waiting], messages)
    for receipt, (_, found) in zip(receipts, waiting, strict=True):
        _keep_receipt(db, receipt, found, now)
    return receipts


def _load_stories(
    conn: Connection, claimed: Sequence[Delivery], manners: Manners
) -> dict[int | None, IncidentSummary]:
    found = {
        incident.id: incident
        for incident in incidents.load_by_ids(
            conn, sorted({d.incident_id for d in claimed if d.incident_id is not None})
        )
    }
    events = deliveries.load_events(conn, sorted({d.event_id for d in claimed if d.event_id}))
    alone = len(found) == 1  # of several, a message tells a line each
    return {
        event_id: _tell(conn, found[event.incident_id], event, manners, with_context=alone)
        for event_id, event in events.items()
    }


def _tell(
    conn: Connection,
    incident: Incident,
    event: IncidentEvent,
    manners: Manners,
    *,
    with_context: bool,
) -> IncidentSummary:
    context = load_context(conn, incident, event).tell() if with_context else ()
    link = f"{manners.address}/monitoring?incident={incident.id}"
    return IncidentSummary(incident, event, context, link)


def _newest_of_each(stories: Sequence[IncidentSummary]) -> list[IncidentSummary]:
    """Return the last waiting event of each incident; earlier ones are in its timeline."""
    return list({story.incident.id: story for story in stories}.values())


def _keep_receipt(
    db: Database, receipt: DeliveryReceipt, found: Sequence[Delivery], now: datetime
) -> None:
    if receipt.error is None:
        groups = [(found, DeliveryState.SENT, now)]
    else:
        late = [d for d in found if now - d.created_at >= GIVE_UP_AFTER]
        again = [d for d in found if now - d.created_at < GIVE_UP_AFTER]
        n_attempts = max(d.n_attempts for d in found)
        due_at = now + choose_wait(n_attempts, receipt.retry_after, now)
        groups = [(late, DeliveryState.FAILED, now), (again, DeliveryState.WAITING, due_at)]
        log.warning("not_delivered", channel=receipt.label, error=receipt.error)
    with db.write() as conn:
        for part, state, due_at in groups:
            if part:
                deliveries.finish(
                    conn, [d.id for d in part], state, error=receipt.error, due_at=due_at, now=now
                )
