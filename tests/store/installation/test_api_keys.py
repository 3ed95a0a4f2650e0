"""Keys in the store: by hash, live or revoked."""

from collections.abc import Callable
from datetime import datetime

import pytest

from core.domain.installation import ApiKey, Scope
from core.errors import NotFound
from core.store.engine.database import Database
from core.store.installation import api_keys


def _append(db: Database, key_hash: str, now: datetime) -> ApiKey:
    with db.write() as conn:
        return api_keys.append_key(
            conn,
            name="ci",
            prefix="plk_abc",
            key_hash=key_hash,
            scopes=frozenset({Scope.PREDICT, Scope.FEEDBACK}),
            by="ada",
            now=now,
        )


def test_a_key_is_found_by_its_hash_while_it_lives(
    db: Database, now: Callable[[], datetime]
) -> None:
    key = _append(db, "hash", now())
    assert key.scopes == {Scope.PREDICT, Scope.FEEDBACK}
    with db.read() as conn:
        assert api_keys.load_live_hashes(conn) == {"hash": key}
    with db.write() as conn:
        api_keys.revoke_key(conn, key.id, "ada", now())
    with db.read() as conn:
        assert api_keys.load_live_hashes(conn) == {}
        [revoked] = api_keys.load_keys(conn)
    assert revoked.revoked_at == now()


def test_a_key_is_revoked_once(db: Database, now: Callable[[], datetime]) -> None:
    key = _append(db, "hash", now())
    with db.write() as conn:
        api_keys.revoke_key(conn, key.id, "ada", now())
    for key_id in (key.id, 99):
        with pytest.raises(NotFound, match="no live key"), db.write() as conn:
            api_keys.revoke_key(conn, key_id, "ada", now())


def test_a_store_knows_whether_a_key_was_ever_made(
    db: Database, now: Callable[[], datetime]
) -> None:
    with db.read() as conn:
        assert not api_keys.has_keys(conn)
    key = _append(db, "hash", now())
    with db.write() as conn:
        api_keys.revoke_key(conn, key.id, "ada", now())
    with db.read() as conn:
        assert api_keys.has_keys(conn)
