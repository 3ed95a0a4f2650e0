"""API keys: created, found by the hash of the secret, revoked; never read back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.installation import ApiKey, Scope
from core.errors import NotFound
from core.store.engine import schema

_keys = schema.api_keys
_uses = schema.key_uses
_WITH_USE = sa.select(_keys, _uses.c.at.label("used_at")).join(
    _uses, _uses.c.key_id == _keys.c.id, isouter=True
)


def append_key(
    conn: sa.Connection,
    *,
    name: str,
    prefix: str,
    key_hash: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
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
            expires_at=expires_at,
        )
        .returning(_keys.c.id)
    )
    return get_key(conn, int(result.scalar_one()))


def get_key(conn: sa.Connection, key_id: int) -> ApiKey:
    """Return a key by its number; raise `NotFound`."""
    row = conn.execute(_WITH_USE.where(_keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no key {key_id}: `keys list` shows those that exist.")
    return _key(row)


def revoke_key(conn: sa.Connection, key_id: int, by: str, now: datetime) -> None:
    """End a key's life; raise `NotFound` where no live key has that number."""
    revoked = conn.execute(
        _keys.update()
        .where(_keys.c.id == key_id, _keys.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_by=by)
    )
    if revoked.rowcount == 0:
        raise NotFound(f"There is no live key {key_id}: `keys list` shows those that exist.")


def replace_key(conn: sa.Connection, key_id: int, new_id: int, expires_at: datetime) -> None:
    """Let a key end at a time, because another took its place."""
    conn.execute(
        _keys.update().where(_keys.c.id == key_id).values(expires_at=expires_at, replaced_by=new_id)
    )


def load_keys(conn: sa.Connection) -> list[ApiKey]:
    """Return every key, oldest first."""
    return [_key(row) for row in conn.execute(_WITH_USE.order_by(_keys.c.id))]


def load_live_hashes(conn: sa.Connection) -> dict[str, ApiKey]:
    """Return the keys that are not revoked, by hash; expired ones are among them."""
    rows = conn.execute(_WITH_USE.where(_keys.c.revoked_at.is_(None)))
    return {row.key_hash: _key(row) for row in rows}


def has_keys(conn: sa.Connection) -> bool:
    """Return True if a key was ever made, revoked ones included: a store whose last key was
    revoked is closed, not open."""
    return conn.execute(sa.select(_keys.c.id).limit(1)).first() is not None


def set_used(conn: sa.Connection, key_ids: Iterable[int], now: datetime) -> None:
    """Note that keys were used."""
    for key_id in sorted(key_ids):
        noted = conn.execute(_uses.update().where(_uses.c.key_id == key_id).values(at=now))
        if noted.rowcount == 0:
            conn.execute(_uses.insert().values(key_id=key_id, at=now))


def _key(row: Any) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        created_by=row.created_by,
        revoked_at=row.revoked_at,
        expires_at=row.expires_at,
        replaced_by=row.replaced_by,
        used_at=row.used_at,
    )
