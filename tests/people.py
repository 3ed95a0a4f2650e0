"""People who act in tests: each may do everything, unless the test says otherwise."""

from datetime import datetime

from core.domain.actor import Act, Actor, Role
from core.store.engine.database import Connection
from core.store.installation import approvals

ROLE = Role.ADMIN


def person(name: str, role: Role = ROLE) -> Actor:
    """Return a person at the command line."""
    return Actor(name, role)


def ask_approval(conn: Connection, now: datetime, *, target: str, by: str, reason: str) -> int:
    """Let somebody wait for a second person, to deploy something; return the request's number."""
    return approvals.append_request(
        conn, act=Act.DEPLOY, target=target, digest="d", reason=reason, asked_by=by, now=now
    )
