"""Login sessions in the store: found by the hash of a token, ended once, never deleted."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from core.domain.installation import Session, SessionEnd
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.installation import sessions
from tests.conftest import NOON


def append(db: Database, token_hash: str = "hash", now: datetime = NOON) -> Session:
    with db.write() as conn:
        return sessions.append_session(
            conn,
            token_hash=token_hash,
            email="ada@example.com",
            place="10.0.0.1",
            authenticated_at=now - timedelta(minutes=1),
            now=now,
        )


def test_a_session_is_found_by_its_hash_alone(db: Database) -> None:
    session = append(db)
    with db.read() as conn:
        assert sessions.find_session(conn, "hash") == session
        assert sessions.find_session(conn, "another") is None
    assert session.seen_at == session.started_at == NOON


def test_a_session_ends_once_and_stays_as_a_row(db: Database) -> None:
    session = append(db)
    with db.write() as conn:
        assert sessions.end_session(conn, session.id, SessionEnd.LOGOUT, NOON)
        assert not sessions.end_session(conn, session.id, SessionEnd.IDLE, NOON + timedelta(1))
        [kept] = sessions.load_sessions(conn)
        why = conn.execute(sa.select(schema.sessions.c.ended_why)).scalar_one()
    assert (kept.ended_at, why) == (NOON, "logout")


def test_an_ended_session_is_not_seen_again(db: Database) -> None:
    session = append(db)
    later = NOON + timedelta(minutes=5)
    with db.write() as conn:
        sessions.set_seen(conn, session.id, later)
        sessions.end_session(conn, session.id, SessionEnd.LOGOUT, later)
        sessions.set_seen(conn, session.id, later + timedelta(hours=1))
        [kept] = sessions.load_sessions(conn)
    assert kept.seen_at == later


def test_two_sessions_never_share_a_token(db: Database) -> None:
    append(db)
    with pytest.raises(sa.exc.IntegrityError):
        append(db)
