"""Deliveries of messages with their claims and receipts, and maintenance, in which none is sent."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from core.clock import TURNED
from core.domain.incident import Delivery, DeliveryState, IncidentEvent, Maintenance
from core.store.engine import schema
from core.store.monitoring.incidents import build_event

MAX_CLAIMED = 10_000

_deliveries = schema.deliveries
_events = schema.incident_events
_progress = schema.delivery_progress
_open = (DeliveryState.WAITING.value, DeliveryState.CLAIMED.value)
_is_waiting = _deliveries.c.state == DeliveryState.WAITING.value


def load_unplanned(conn: sa.Connection, limit: int) -> list[tuple[int, IncidentEvent]]:
    """Return the events without a planned delivery, oldest first, each with its id."""
    done = conn.execute(sa.select(_progress.c.event_id)).scalar() or 0
    rows = conn.execute(
        sa.select(_events).where(_events.c.id > done).order_by(_events.c.id).limit(limit)
    )
    return [(row.id, build_event(row)) for row in rows]


def load_events(conn: sa.Connection, event_ids: Collection[int]) -> dict[int, IncidentEvent]:
    """Return some events by their id, oldest first."""
    rows = conn.execute(
        sa.select(_events).where(_events.c.id.in_(event_ids)).order_by(_events.c.id)
    )
    return {row.id: build_event(row) for row in rows}


def save_planned(conn: sa.Connection, event_id: int) -> None:
    """Record that the events up to this one are planned."""
    conn.execute(_progress.delete())
    conn.execute(_progress.insert().values(event_id=event_id))


def append_deliveries(conn: sa.Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Plan deliveries: `event_id`, `channel`, `label`, `state`, `due_at`, `error` each."""
    if rows:
        finished = {DeliveryState.DROPPED, DeliveryState.SENT, DeliveryState.FAILED}
        conn.execute(
            _deliveries.insert(),
            [
                {
                    "n_attempts": 0,
                    "created_at": now,
                    "finished_at": now if row["state"] in finished else None,
                    **row,
                    "state": row["state"].value,
                }
                for row in rows
            ],
        )


def claim_due(
    conn: sa.Connection, channels: Collection[str], now: datetime, patience: timedelta
) -> list[Delivery]:
    """Claim the deliveries that are due for these channels, oldest first, and those that were
    claimed longer than `patience` ago and never finished."""
    turned = _deliveries.c.created_at > now + TURNED  # set back since: what it waits for is unknown
    due = sa.or_(
        sa.and_(_is_waiting, sa.or_(_deliveries.c.due_at <= now, turned)),
        sa.and_(
            _deliveries.c.state == DeliveryState.CLAIMED.value,
            sa.or_(
                _deliveries.c.claimed_at <= now - patience, _deliveries.c.claimed_at > now + TURNED
            ),
        ),
    )
    ids = list(
        conn.execute(
            sa.select(_deliveries.c.id)
            .where(due, _deliveries.c.channel.in_(channels))
            .order_by(_deliveries.c.id)
            .limit(MAX_CLAIMED)
        ).scalars()
    )
    if not ids:
        return []
    conn.execute(
        _deliveries.update()
        .where(_deliveries.c.id.in_(ids))
        .values(state=DeliveryState.CLAIMED.value, claimed_at=now)
    )
    return _load(conn, _deliveries.c.id.in_(ids))


def find_resting(conn: sa.Connection, now: datetime) -> set[str]:
    """Return the channels that are not to be tried yet, since they failed at their last attempt."""
    rows = conn.execute(
        sa.select(_deliveries.c.channel)
        .distinct()
        .where(_is_waiting, _deliveries.c.n_attempts > 0, _deliveries.c.due_at > now)
    )
    return set(rows.scalars())


def drop_held(conn: sa.Connection, incident_id: int, now: datetime) -> None:
    """Drop the deliveries on an incident that wait for a later moment without an attempt so far."""
    events = sa.select(_events.c.id).where(_events.c.incident_id == incident_id)
    conn.execute(
        _deliveries.update()
        .where(_is_held(now), _deliveries.c.event_id.in_(events))
        .values(
            state=DeliveryState.DROPPED.value,
            finished_at=now,
            error="what came after it says more",
        )
    )


def release_held(conn: sa.Connection, now: datetime, until_at: datetime) -> None:
    """Make the deliveries due now that wait, without an attempt so far, for the end of maintenance
    at `until_at`."""
    conn.execute(
        _deliveries.update()
        .where(_is_held(now), _deliveries.c.due_at == until_at)
        .values(due_at=now)
    )


def _is_held(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_is_waiting, _deliveries.c.n_attempts == 0, _deliveries.c.due_at > now)


def finish(
    conn: sa.Connection,
    ids: Collection[int],
    state: DeliveryState,
    *,
    error: str | None,
    due_at: datetime,
    now: datetime,
) -> None:
    """Record the outcome of an attempt; those that wait again are due at `due_at`."""
    conn.execute(
        _deliveries.update()
        .where(_deliveries.c.id.in_(ids))
        .values(
            state=state.value,
            error=error,
            due_at=due_at,
            n_attempts=_deliveries.c.n_attempts + 1,
            finished_at=None if state.value in _open else now,
        )
    )


def load_open(conn: sa.Connection) -> list[Delivery]:
    """Return the deliveries that wait or are in progress, oldest first."""
    return _load(conn, _deliveries.c.state.in_(_open))


def load_newest(conn: sa.Connection, limit: int) -> list[Delivery]:
    """Return the newest deliveries, newest first."""
    newest = sa.select(_deliveries.c.id).order_by(_deliveries.c.id.desc()).limit(limit)
    return _load(conn, _deliveries.c.id.in_(newest))[::-1]


def load_of_incidents(conn: sa.Connection, incident_ids: Collection[int]) -> list[Delivery]:
    """Return the deliveries about some incidents, oldest first."""
    return _load(conn, _events.c.incident_id.in_(incident_ids))


def load_failing(conn: sa.Connection, n_attempts: int) -> list[Delivery]:
    """Return the oldest delivery of each channel that failed in `n_attempts` attempts."""
    oldest = (
        sa.select(sa.func.min(_deliveries.c.id))
        .where(_deliveries.c.state.in_(_open), _deliveries.c.n_attempts >= n_attempts)
        .group_by(_deliveries.c.channel)
    )
    return _load(conn, _deliveries.c.id.in_(oldest))


def _load(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Delivery]:
    rows = conn.execute(
        sa.select(_deliveries, _events.c.incident_id)
        .outerjoin(_events, _events.c.id == _deliveries.c.event_id)
        .where(condition)
        .order_by(_deliveries.c.id)
    )
    return [
        Delivery(
            id=row.id,
            event_id=row.event_id,
            incident_id=row.incident_id,
            channel=row.channel,
            label=row.label,
            state=DeliveryState(row.state),
            created_at=row.created_at,
            due_at=row.due_at,
            n_attempts=row.n_attempts,
            finished_at=row.finished_at,
            error=row.error,
        )
        for row in rows
    ]


_windows = schema.maintenance_windows


def append_window(conn: sa.Connection, window: Maintenance) -> int:
    """Append maintenance, and return its number; with an end of now it ends the announced one."""
    result = conn.execute(
        _windows.insert()
        .values(at=window.at, until_at=window.until_at, by=window.by, reason=window.reason)
        .returning(_windows.c.id)
    )
    return int(result.scalar_one())


def find_window(conn: sa.Connection, now: datetime) -> Maintenance | None:
    """Return the current maintenance, or None."""
    row = conn.execute(sa.select(_windows).order_by(_windows.c.id.desc()).limit(1)).one_or_none()
    if row is None or row.until_at <= now:
        return None
    return Maintenance(at=row.at, until_at=row.until_at, by=row.by, reason=row.reason)
