"""API keys: created, found by the hash of the secret, revoked; never read back."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.installation import ApiKey, Scope
from core.errors import NotFound
from core.store.engine import schema

_keys = schema.api_keys


def append_key(
    conn: sa.Connection,
    *,
    name: str,
    prefix: str,
    key_hash: str,
    scopes: frozenset[Scope],
    by: str,
    now: datetime,
) -> ApiKey:
    """Record a new key by its hash."""
    result = conn.execute(
        _keys.insert()
        .values(
            name=name,
            prefix=prefix,
            key_hash=key_hash,
            scopes=sorted(scope.value for scope in scopes),
            created_at=now,
            created_by=by,
        )
        .returning(_keys.c.id)
    )
    key_id = int(result.scalar_one())
    return _key(conn.execute(sa.select(_keys).where(_keys.c.id == key_id)).one())


def revoke_key(conn: sa.Connection, key_id: int, by: str, now: datetime) -> None:
    """Revoke a key; raises `NotFound` if no live key has that id."""
    revoked = conn.execute(
        _keys.update()
        .where(_keys.c.id == key_id, _keys.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_by=by)
    )
    if revoked.rowcount == 0:
        raise NotFound(f"There is no live key {key_id}: `keys list` shows those that exist.")


def load_keys(conn: sa.Connection) -> list[ApiKey]:
    """Return every key, oldest first."""
    return [_key(row) for row in conn.execute(sa.select(_keys).order_by(_keys.c.id))]


def load_live_hashes(conn: sa.Connection) -> dict[str, ApiKey]:
    """Return the keys that are not revoked, by hash."""
    rows = conn.execute(sa.select(_keys).where(_keys.c.revoked_at.is_(None)))
    return {row.key_hash: _key(row) for row in rows}


def has_keys(conn: sa.Connection) -> bool:
    """Return whether a key was ever created, revoked ones included: a store whose last key was
    revoked is closed, not open."""
    return conn.execute(sa.select(_keys.c.id).limit(1)).first() is not None


def _key(row: Any) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        created_by=row.created_by,
        revoked_at=row.revoked_at,
    )
