"""The login sessions of an installation as one process sees them: begun, looked up at each use,
ended."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.audit.attempt import attempt
from core.domain.actor import Act, Actor
from core.domain.installation import Session, SessionEnd, SessionLimits, find_session_end
from core.errors import Conflict, NotFound, Unavailable
from core.log import get_logger
from core.login.identity import is_allowed
from core.login.roles import find_role
from core.settings import Settings
from core.store.engine.database import Database
from core.store.installation import sessions

_TOKEN_BYTES = 32
_MAX_TOKEN = 100  # characters; ours have 43
_TRUSTED_SECONDS = timedelta(seconds=2)  # after which a session is looked up again
_SEEN_EVERY = timedelta(minutes=1)
_MAX_KEPT = 10_000

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    session: Session
    read_at: datetime


class LoginSessions:
    """Finds sessions by the token in a browser's cookie. What ended elsewhere is known within two
    seconds, what ended here at once."""

    def __init__(self, db: Database, settings: Settings, now: Callable[[], datetime]) -> None:
        self._db = db
        self._settings = settings
        self._now = now
        self._limits = build_limits(settings)
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}  # by the hash of the token, as in the store

    def start(
        self,
        email: str,
        *,
        authenticated_at: datetime,
        place: str,
        groups: tuple[str, ...] = (),
        replaced: str | None = None,
    ) -> str:
        """Begin a session and return its token, which exists nowhere else; `replaced` is the token
        that the browser had until now, whose session ends."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self._now()
        self.end(replaced, SessionEnd.NEW_LOGIN)
        actor = Actor(email, find_role(email, groups, self._settings), "login", place)
        with attempt(self._db, actor, Act.LOGIN, email, now=now) as act, act.write() as conn:
            session = sessions.append_session(
                conn,
                token_hash=_hash(token),
                email=email,
                place=place,
                groups=groups,
                authenticated_at=authenticated_at,
                now=now,
            )
        log.info("login", who=email, place=place, session=session.id)
        return token

    def find(self, token: str | None) -> Session | None:
        """Return the live session of a token, or None. Ends one that is past its limits, and one
        of a person who may not come in any more. While the store does not answer, a session that
        was live when it last did is so still: nobody could have ended it."""
        if not token or len(token) > _MAX_TOKEN:
            return None
        key, now = _hash(token), self._now()
        session = self._read(key, now)
        if session is None or session.ended_at is not None:
            return None
        why = find_session_end(session, self._limits, now)
        if not is_allowed(session.email, self._settings):
            why = SessionEnd.NOT_ALLOWED
        if why is not None:
            self._end(key, session, why)
            return None
        return session

    def note_seen(self, token: str) -> None:
        """Note that the person did something, at most once a minute; what cannot be written now is
        noted with the next click."""
        key, now = _hash(token), self._now()
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or now - kept.session.seen_at < _SEEN_EVERY:
                return
            self._kept[key] = replace(kept, session=replace(kept.session, seen_at=now))
        try:
            with self._db.write() as conn:
                sessions.set_seen(conn, kept.session.id, now)
        except Unavailable as error:
            log.warning("session_not_noted", error=str(error))

    def end(self, token: str | None, why: SessionEnd) -> None:
        """End the session of a token, where it has a live one."""
        session = self.find(token)
        if token and session is not None:
            self._end(_hash(token), session, why)

    def _read(self, key: str, now: datetime) -> Session | None:
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and now - kept.read_at < _TRUSTED_SECONDS:
            return kept.session
        try:
            with self._db.read() as conn:
                session = sessions.find_session(conn, key)
        except Unavailable:
            if kept is None:
                raise
            return kept.session
        with self._lock:
            before = self._kept.pop(key, None)
            if before is not None and before.session.ended_at is not None:
                session = before.session  # it ended here while the row was read
            if session is not None:
                if len(self._kept) >= _MAX_KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = _Kept(session, now)
        return session

    def _end(self, key: str, session: Session, why: SessionEnd) -> None:
        now = self._now()
        with self._db.write() as conn:
            ended = sessions.end_session(conn, session.id, why, now)
        with self._lock:
            self._kept[key] = _Kept(replace(session, ended_at=now), now)
        if ended:
            log.info("session_ended", who=session.email, why=why.value, session=session.id)


def end_session(db: Database, session_id: int, *, by: Actor, now: datetime) -> Session:
    """End somebody's login, and return it as it was; the dashboard knows within two seconds.
    Raises `NotFound`, `Conflict` for one that has ended."""
    target = f"login {session_id}"
    with attempt(db, by, Act.SESSION, target, now=now) as act, act.write() as conn:
        session = sessions.get_session(conn, session_id)
        if not sessions.end_session(conn, session_id, SessionEnd.ADMIN, now):
            raise Conflict(f"Login {session_id} has ended already.")
        act.note(after={"ended_at": now}, target=f"{target} of {session.email}")
    return session


def end_all_sessions(db: Database, email: str | None, *, by: Actor, now: datetime) -> int:
    """End every login of a person, or of everybody if `email` is None, and return their number; the
    dashboard knows within two seconds. Raises `NotFound` for a person without a live login."""
    target = "all logins" if email is None else f"all logins of {email}"
    with attempt(db, by, Act.SESSION, target, now=now) as act, act.write() as conn:
        n_ended = sessions.end_sessions(conn, email, SessionEnd.ADMIN, now)
        if email is not None and not n_ended:
            raise NotFound(f"{email} is not logged in: `sessions list` shows who is.")
        act.note(after={"ended_at": now, "n_logins": n_ended})
    return n_ended


def list_live(found: Iterable[Session], settings: Settings, now: datetime) -> list[Session]:
    """Return the logins that can still be used, oldest first."""
    limits = build_limits(settings)
    return [
        session
        for session in found
        if session.ended_at is None
        and find_session_end(session, limits, now) is None
        and is_allowed(session.email, settings)
    ]


def build_limits(settings: Settings) -> SessionLimits:
    """Return the longest lifetime of a login."""
    return SessionLimits(
        idle=timedelta(minutes=settings.session_idle_minutes),
        whole=timedelta(hours=settings.session_hours),
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
