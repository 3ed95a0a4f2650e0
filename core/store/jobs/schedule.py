"""Scheduled tasks, and the leases under which one process runs them."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.job import LEASE_DURATION, Lease, ScheduledTask
from core.store.engine import schema

_tasks = schema.scheduled_tasks


def save_next_run(
    conn: sa.Connection, name: str, every_seconds: float, next_run_at: datetime | None
) -> None:
    """Record the next run of a task."""
    _save(conn, name, {"every_seconds": every_seconds, "next_run_at": next_run_at})


def save_started(conn: sa.Connection, name: str, every_seconds: float, now: datetime) -> None:
    """Record the start of a task."""
    _save(conn, name, {"every_seconds": every_seconds, "last_started_at": now})


def save_finished(
    conn: sa.Connection,
    name: str,
    every_seconds: float,
    outcome: str | None,
    error: str | None,
    now: datetime,
) -> None:
    """Record the end of a task: an outcome or an error, as a sentence."""
    values = {"last_finished_at": now, "last_outcome": outcome, "last_error": error}
    _save(conn, name, {"every_seconds": every_seconds, **values})


def load_tasks(conn: sa.Connection) -> list[ScheduledTask]:
    """Return every task that was ever scheduled, by name."""
    rows = conn.execute(sa.select(_tasks).order_by(_tasks.c.name))
    return [
        ScheduledTask(
            name=row.name,
            every_seconds=row.every_seconds,
            last_started_at=row.last_started_at,
            last_finished_at=row.last_finished_at,
            last_outcome=row.last_outcome,
            last_error=row.last_error,
            next_run_at=row.next_run_at,
        )
        for row in rows
    ]


def _save(conn: sa.Connection, name: str, values: dict[str, Any]) -> None:
    updated = conn.execute(_tasks.update().where(_tasks.c.name == name).values(**values))
    if updated.rowcount == 0:
        conn.execute(_tasks.insert().values(name=name, **values))


_leases = schema.leases


def claim_lease(
    conn: sa.Connection, name: str, holder: str, now: datetime, *, stale: Lease | None = None
) -> Lease:
    """Take a free lease or extend one's own; return it as it is then, whoever holds it. Another's
    is taken only if it still is exactly `stale`, which the caller saw unchanged for as long as a
    lease lasts: no clock tells that of another machine, or of the hour before somebody set it.
    Needs a write transaction, so that the read and the claim are one step."""
    lease = find_lease(conn, name)
    expires_at = now + LEASE_DURATION
    if lease is None:
        taken = Lease(name, holder, acquired_at=now, expires_at=expires_at, n_renewals=0)
        conn.execute(_leases.insert().values(**asdict(taken)))
        return taken
    if lease.holder == holder:
        taken = replace(lease, expires_at=expires_at, n_renewals=lease.n_renewals + 1)
    elif lease == stale:
        taken = Lease(name, holder, now, expires_at, lease.n_renewals + 1)
    else:
        return lease
    conn.execute(_leases.update().where(_leases.c.name == name).values(**asdict(taken)))
    return taken


def release_lease(conn: sa.Connection, name: str, holder: str) -> None:
    """Release a lease that `holder` still has."""
    conn.execute(_leases.delete().where(_leases.c.name == name, _leases.c.holder == holder))


def find_lease(conn: sa.Connection, name: str) -> Lease | None:
    """Return the lease as it was last taken, expired or not, or None."""
    row = conn.execute(sa.select(_leases).where(_leases.c.name == name)).one_or_none()
    return (
        None
        if row is None
        else Lease(
            name=row.name,
            holder=row.holder,
            acquired_at=row.acquired_at,
            expires_at=row.expires_at,
            n_renewals=row.n_renewals,
        )
    )
