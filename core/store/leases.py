"""Leases: who may do something alone, whichever process or machine it is on."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from core.domain.lease import Lease
from core.store import schema

_leases = schema.leases


def claim_lease(
    conn: sa.Connection, name: str, holder: str, duration: timedelta, now: datetime
) -> bool:
    """Take or prolong a lease; False while somebody else's has not expired. Needs a write
    transaction, which makes look and claim one step."""
    lease = find_lease(conn, name)
    values: dict[str, Any] = {"holder": holder, "expires_at": now + duration}
    if lease is None:
        conn.execute(_leases.insert().values(name=name, acquired_at=now, **values))
        return True
    if lease.holder != holder:
        if lease.expires_at > now:
            return False
        values["acquired_at"] = now
    conn.execute(_leases.update().where(_leases.c.name == name).values(**values))
    return True


def release_lease(conn: sa.Connection, name: str, holder: str) -> None:
    """Give a lease back, where `holder` still has it."""
    conn.execute(_leases.delete().where(_leases.c.name == name, _leases.c.holder == holder))


def find_lease(conn: sa.Connection, name: str) -> Lease | None:
    """The lease as it was last taken, expired or not, or None."""
    row = conn.execute(sa.select(_leases).where(_leases.c.name == name)).one_or_none()
    return (
        None
        if row is None
        else Lease(
            name=row.name,
            holder=row.holder,
            acquired_at=row.acquired_at,
            expires_at=row.expires_at,
        )
    )
