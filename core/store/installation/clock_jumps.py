"""Clock jumps: when the wall clock of a machine was set, and by how much.

The newest row counts, by its number: moments of such a clock do not follow each other."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from core.clock import has_passed
from core.domain.installation import ClockJump
from core.store.engine import schema

RECENT = timedelta(days=7)
"""The time for which a jump is told of, and what is old is not removed unasked."""

_jumps = schema.clock_jumps


def append_jump(conn: sa.Connection, jump: ClockJump) -> None:
    """Append a jump."""
    values = {"at": jump.at, "place": jump.place, "seconds": jump.seconds}
    conn.execute(_jumps.insert().values(**values))


def find_recent(conn: sa.Connection, now: datetime) -> ClockJump | None:
    """Return the newest jump of the last week, or None. One that lies ahead was written before the
    clock was set back, which is a newer jump."""
    row = conn.execute(sa.select(_jumps).order_by(_jumps.c.id.desc()).limit(1)).one_or_none()
    if row is None or has_passed(row.at, RECENT, now):
        return None
    return ClockJump(at=row.at, place=row.place, seconds=row.seconds)
