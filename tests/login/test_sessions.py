"""Login sessions: they end by log-out, idleness, age and the list, and a token is found no more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from core.domain.actor import Act, Role
from core.domain.installation import SessionEnd
from core.errors import NotFound, Refused, Unavailable
from core.login.sessions import LoginSessions, end_all_sessions, end_session
from core.monitoring.retention import remove_logins
from core.settings import parse_settings
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.installation import audit, sessions
from tests.conftest import NOON
from tests.people import person

VALUES = {
    "PLUMBLINE_ALLOWED_EMAILS": "ada@example.com,bob@example.com",
    "PLUMBLINE_SESSION_IDLE_MINUTES": "60",
    "PLUMBLINE_SESSION_HOURS": "8",
}


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Open = Callable[..., LoginSessions]


@pytest.fixture
def open_sessions(db: Database, clock: Clock) -> Open:
    """A process's view of the sessions; a test may open several."""

    def open_(**changes: str) -> LoginSessions:
        return LoginSessions(db, parse_settings({**VALUES, **changes}), clock)

    return open_


def start(found: LoginSessions, replaced: str | None = None, email: str = "ada@example.com") -> str:
    return found.start(email, authenticated_at=NOON, place="10.0.0.1", replaced=replaced)


def read_ends(db: Database) -> list[str | None]:
    with db.read() as conn:
        rows = conn.execute(sa.select(schema.sessions).order_by(schema.sessions.c.id))
        return [row.ended_why for row in rows]


def test_a_session_is_found_by_its_token_and_by_nothing_else(open_sessions: Open) -> None:
    here = open_sessions()
    token = start(here)
    found = here.find(token)
    assert found is not None
    assert (found.email, found.place) == ("ada@example.com", "10.0.0.1")
    assert all(here.find(other) is None for other in (None, "", "x", token[:-1], token * 9))


def test_a_token_has_256_bits_and_is_not_in_the_store(open_sessions: Open, db: Database) -> None:
    tokens = {start(open_sessions()) for _ in range(5)}
    assert len(tokens) == 5
    assert {len(token) for token in tokens} == {43}  # 32 bytes as base64
    with db.read() as conn:
        rows = conn.execute(sa.select(schema.sessions)).all()
    assert not any(token in str(row) for token in tokens for row in rows)


def test_a_token_that_logged_out_opens_nothing(open_sessions: Open, db: Database) -> None:
    here = open_sessions()
    token = start(here)
    assert here.find(token)
    here.end(token, SessionEnd.LOGOUT)
    assert here.find(token) is None
    assert open_sessions().find(token) is None
    assert read_ends(db) == ["logout"]


def test_a_log_out_elsewhere_is_known_within_two_seconds(open_sessions: Open, clock: Clock) -> None:
    here, there = open_sessions(), open_sessions()
    token = start(here)
    assert here.find(token)
    there.end(token, SessionEnd.LOGOUT)
    clock.pass_(seconds=2)
    assert here.find(token) is None


def test_a_session_ends_when_nothing_is_done(
    open_sessions: Open, clock: Clock, db: Database
) -> None:
    here = open_sessions()
    token = start(here)
    clock.pass_(minutes=59)
    assert here.find(token)
    here.note_seen(token)
    clock.pass_(minutes=59)
    assert here.find(token), "what was done counts"
    clock.pass_(minutes=1)
    assert here.find(token) is None
    assert read_ends(db) == ["idle"]


def test_looking_alone_keeps_no_session_alive(open_sessions: Open, clock: Clock) -> None:
    here = open_sessions()
    token = start(here)
    for _ in range(6):
        assert here.find(token)
        clock.pass_(minutes=10)
    assert here.find(token) is None


def test_a_session_ends_after_its_hours_whatever_is_done(
    open_sessions: Open, clock: Clock, db: Database
) -> None:
    here = open_sessions()
    token = start(here)
    for _ in range(16):
        assert here.find(token)
        here.note_seen(token)
        clock.pass_(minutes=30)
    assert here.find(token) is None
    assert read_ends(db) == ["too_old"]


def test_what_was_done_is_written_once_a_minute(
    open_sessions: Open, clock: Clock, db: Database
) -> None:
    here = open_sessions()
    token = start(here)
    here.find(token)
    written = []
    for _ in range(4):
        clock.pass_(seconds=30)
        here.note_seen(token)
        with db.read() as conn:
            written.append(conn.execute(sa.select(schema.sessions.c.seen_at)).scalar_one())
    second = timedelta(seconds=1)
    assert written == [NOON, NOON + 60 * second, NOON + 60 * second, NOON + 120 * second]


def test_somebody_who_leaves_the_list_is_out(open_sessions: Open, db: Database) -> None:
    token = start(open_sessions())
    assert open_sessions(PLUMBLINE_ALLOWED_EMAILS="bob@example.com").find(token) is None
    assert open_sessions().find(token) is None, "and does not come back with the list"
    assert read_ends(db) == ["not_allowed"]


def test_a_new_login_ends_the_one_before_it(open_sessions: Open, db: Database) -> None:
    here = open_sessions()
    first = start(here)
    second = start(here, replaced=first)
    assert here.find(first) is None
    assert here.find(second)
    assert first != second
    assert read_ends(db) == ["new_login", None]


@contextmanager
def broken(db: Database) -> Iterator[None]:
    """A store that does not answer."""

    def fail(*_: object, **__: object) -> Iterator[None]:
        raise Unavailable("The database does not answer: start it.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "read", fail)
        patch.setattr(db, "write", fail)
        yield


def test_while_the_store_is_away_who_was_known_stays_and_nobody_else_comes_in(
    open_sessions: Open, clock: Clock, db: Database
) -> None:
    here = open_sessions()
    token, unknown = start(here), start(open_sessions())
    assert here.find(token)
    with broken(db):
        clock.pass_(minutes=30)
        assert here.find(token)
        here.note_seen(token)  # is noted later
        with pytest.raises(Unavailable):
            here.find(unknown)


def test_log_in_and_log_out_are_logged_without_the_token(open_sessions: Open, clock: Clock) -> None:
    here = open_sessions()
    with capture_logs() as logs:
        token = start(here)
        here.end(token, SessionEnd.LOGOUT)
        idle = start(here)
        clock.pass_(hours=1)
        here.find(idle)
    told = [line for line in logs if line["event"] != "audit"]
    assert [(line["event"], line["who"], line.get("why")) for line in told] == [
        ("login", "ada@example.com", None),
        ("session_ended", "ada@example.com", "logout"),
        ("login", "ada@example.com", None),
        ("session_ended", "ada@example.com", "idle"),
    ]
    assert told[0]["place"] == "10.0.0.1"
    assert token not in str(logs)
    assert idle not in str(logs)


# --- Ended by an admin, and removed ------------------------------------------------------------


def test_only_an_admin_ends_a_login_of_somebody(db: Database, open_sessions: Open) -> None:
    found = open_sessions()
    token = start(found)
    with pytest.raises(Refused, match="needs the role admin"):
        end_session(db, 1, by=person("eve", Role.OPERATOR), now=NOON)
    assert found.find(token) is not None
    end_session(db, 1, by=person("root"), now=NOON)
    assert open_sessions().find(token) is None


def test_all_logins_of_a_person_end_however_the_address_is_written_and_nobody_elses(
    db: Database, open_sessions: Open
) -> None:
    found = open_sessions()
    theirs = [start(found), start(found)]
    other = start(found, email="bob@example.com")
    found.end(theirs[0], SessionEnd.LOGOUT)
    with pytest.raises(Refused, match="needs the role admin"):
        end_all_sessions(db, "ada@example.com", by=person("eve", Role.OPERATOR), now=NOON)
    assert end_all_sessions(db, "ADA@example.com", by=person("root"), now=NOON) == 1
    again = open_sessions()
    assert [again.find(token) is None for token in (*theirs, other)] == [True, True, False]
    with pytest.raises(NotFound, match=r"ada@example\.com is not logged in"):
        end_all_sessions(db, "ada@example.com", by=person("root"), now=NOON)


def test_all_logins_end_at_once_and_the_audit_has_one_entry(
    db: Database, open_sessions: Open
) -> None:
    found = open_sessions()
    tokens = [start(found), start(found, email="bob@example.com")]
    assert end_all_sessions(db, None, by=person("root"), now=NOON) == 2
    assert [open_sessions().find(token) for token in tokens] == [None, None]
    assert end_all_sessions(db, None, by=person("root"), now=NOON) == 0
    with db.read() as conn:
        told = [one for one in audit.stream_entries(conn) if one.act == Act.SESSION]
    assert [(one.target, one.outcome) for one in told] == [("all logins", "done")] * 2


def test_a_login_that_ended_is_removed_after_90_days(
    db: Database, clock: Clock, open_sessions: Open
) -> None:
    found = open_sessions()
    ended, _abandoned = start(found), start(found)
    found.end(ended, SessionEnd.LOGOUT)
    settings = parse_settings(VALUES)
    assert remove_logins(db, settings, NOON + timedelta(days=90)) == 0
    assert remove_logins(db, settings, NOON + timedelta(days=90, minutes=1)) == 1
    assert remove_logins(db, settings, NOON + timedelta(days=90, minutes=61)) == 1


def test_a_login_that_lives_is_never_removed(
    db: Database, clock: Clock, open_sessions: Open
) -> None:
    found = open_sessions(PLUMBLINE_SESSION_HOURS="9000")
    token = start(found)
    for _ in range(100):
        clock.pass_(days=1)
        with db.write() as conn:
            sessions.set_seen(conn, 1, clock.now)
    assert remove_logins(db, parse_settings(VALUES), clock.now) == 0
    assert found.find(token) is not None
