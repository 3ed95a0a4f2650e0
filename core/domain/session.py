"""A login session: who is logged in at the dashboard, since when, from where, and until when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class SessionEnd(StrEnum):
    """Why a session ended."""

    LOGOUT = "logout"
    IDLE = "idle"
    TOO_OLD = "too_old"
    NEW_LOGIN = "new_login"  # the same browser logged in again
    NOT_ALLOWED = "not_allowed"  # the person is no longer in the list


@dataclass(frozen=True, slots=True)
class Session:
    """One login of one browser."""

    id: int
    email: str  # in lower case
    started_at: datetime
    authenticated_at: datetime  # when the provider last asked the person who they are
    seen_at: datetime  # when the person last did something, to the minute
    place: str  # the address the login came from
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lives."""

    idle: timedelta  # without anything being done
    whole: timedelta  # in all


def find_session_end(session: Session, limits: SessionLimits, now: datetime) -> SessionEnd | None:
    """Return the limit that a session has passed, or None."""
    if now - session.started_at >= limits.whole:
        return SessionEnd.TOO_OLD
    if now - session.seen_at >= limits.idle:
        return SessionEnd.IDLE
    return None
