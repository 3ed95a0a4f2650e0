"""Login sessions: found by the hash of the browser's token, seen, ended; never read back."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from core.domain.installation import Session, SessionEnd
from core.errors import NotFound
from core.store.engine import schema

_sessions = schema.sessions


def append_session(
    conn: sa.Connection,
    *,
    token_hash: str,
    email: str,
    place: str,
    groups: tuple[str, ...] = (),
    authenticated_at: datetime,
    now: datetime,
) -> Session:
    """Record a new session by the hash of its token."""
    values = {
        "email": email,
        "started_at": now,
        "authenticated_at": authenticated_at,
        "seen_at": now,
        "place": place,
        "groups": groups,
    }
    result = conn.execute(
        _sessions.insert().values(token_hash=token_hash, **values).returning(_sessions.c.id)
    )
    return Session(id=int(result.scalar_one()), **values)  # type: ignore[arg-type]


def get_session(conn: sa.Connection, session_id: int) -> Session:
    """Return a session by its number; raise `NotFound`."""
    row = conn.execute(sa.select(_sessions).where(_sessions.c.id == session_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no login {session_id}: `sessions list` shows those that exist.")
    return _session(row)


def find_session(conn: sa.Connection, token_hash: str) -> Session | None:
    """Return the session of a token's hash, ended or not, or None."""
    row = conn.execute(
        sa.select(_sessions).where(_sessions.c.token_hash == token_hash)
    ).one_or_none()
    return None if row is None else _session(row)


def load_sessions(conn: sa.Connection) -> list[Session]:
    """Return every session, oldest first."""
    return [_session(row) for row in conn.execute(sa.select(_sessions).order_by(_sessions.c.id))]


def set_seen(conn: sa.Connection, session_id: int, now: datetime) -> None:
    """Record that the person of a live session did something."""
    conn.execute(
        _sessions.update()
        .where(_sessions.c.id == session_id, _sessions.c.ended_at.is_(None))
        .values(seen_at=now)
    )


def end_session(conn: sa.Connection, session_id: int, why: SessionEnd, now: datetime) -> bool:
    """End a session; return False if it had ended."""
    ended = conn.execute(
        _sessions.update()
        .where(_sessions.c.id == session_id, _sessions.c.ended_at.is_(None))
        .values(ended_at=now, ended_why=why.value)
    )
    return bool(ended.rowcount)


def end_sessions(conn: sa.Connection, email: str | None, why: SessionEnd, now: datetime) -> int:
    """End all sessions of a person, or of everybody if `email` is None; return their number."""
    theirs = sa.true() if email is None else sa.func.lower(_sessions.c.email) == email.lower()
    ended = conn.execute(
        _sessions.update()
        .where(theirs, _sessions.c.ended_at.is_(None))
        .values(ended_at=now, ended_why=why.value)
    )
    return int(ended.rowcount)


def remove_ended(conn: sa.Connection, before: datetime, idle: timedelta) -> int:
    """Remove the sessions that ended before a time, those that nobody used any more among them, and
    return their number."""
    ended = sa.or_(_sessions.c.ended_at < before, _sessions.c.seen_at < before - idle)
    return int(conn.execute(_sessions.delete().where(ended)).rowcount)


def _session(row: Any) -> Session:
    return Session(
        id=row.id,
        email=row.email,
        started_at=row.started_at,
        authenticated_at=row.authenticated_at,
        seen_at=row.seen_at,
        place=row.place,
        ended_at=row.ended_at,
        groups=tuple(row.groups or ()),
    )
