"""Maintenance windows: announced work, appended; the newest row is in force."""

from datetime import datetime

import sqlalchemy as sa

from core.domain.notification import Maintenance
from core.store import schema

_windows = schema.maintenance_windows


def append_window(conn: sa.Connection, window: Maintenance) -> None:
    """Announce work, or with an end of now end what was announced."""
    conn.execute(
        _windows.insert().values(
            at=window.at, until_at=window.until_at, by=window.by, reason=window.reason
        )
    )


def find_window(conn: sa.Connection, now: datetime) -> Maintenance | None:
    """The work that is under way, or None."""
    row = conn.execute(sa.select(_windows).order_by(_windows.c.id.desc()).limit(1)).one_or_none()
    if row is None or row.until_at <= now:
        return None
    return Maintenance(at=row.at, until_at=row.until_at, by=row.by, reason=row.reason)
