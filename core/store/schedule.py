"""Scheduled tasks: when each last ran and how that ended."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.schedule import ScheduledTask
from core.store import schema

_tasks = schema.scheduled_tasks


def save_next_run(
    conn: sa.Connection, name: str, every_seconds: float, next_run_at: datetime | None
) -> None:
    """Say when a task runs next."""
    _save(conn, name, {"every_seconds": every_seconds, "next_run_at": next_run_at})


def save_started(conn: sa.Connection, name: str, every_seconds: float, now: datetime) -> None:
    """Say that a task has started."""
    _save(conn, name, {"every_seconds": every_seconds, "last_started_at": now})


def save_finished(
    conn: sa.Connection,
    name: str,
    every_seconds: float,
    outcome: str | None,
    error: str | None,
    now: datetime,
) -> None:
    """Say how a task ended: an outcome or an error, as a sentence."""
    values = {"last_finished_at": now, "last_outcome": outcome, "last_error": error}
    _save(conn, name, {"every_seconds": every_seconds, **values})


def load_tasks(conn: sa.Connection) -> list[ScheduledTask]:
    """Every task that was ever scheduled, by name."""
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
