"""Keys: shown once, stored as a hash, and in force or not within a second."""

from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy as sa

from core.domain.installation import Scope
from core.errors import InvalidInput
from core.serving.keys import KeyRing, MissingScope, UnknownCaller, create_key, hash_key
from core.store.engine.database import Database
from core.store.installation import api_keys
from tests.conftest import NOON
from tests.people import person

PREDICT = frozenset({Scope.PREDICT})


def test_a_key_is_random_and_says_what_it_is(db: Database, now: Callable[[], datetime]) -> None:
    key, text = create_key(db, "ci", PREDICT, by=person("ada"), now=now())
    _, other = create_key(db, "cd", PREDICT, by=person("ada"), now=now())
    assert text.startswith("plk_")
    assert len(text) >= 40
    assert text != other
    assert text.startswith(key.prefix)
    assert len(key.prefix) == 10


def test_the_text_of_a_key_is_nowhere_in_the_store(
    db: Database, now: Callable[[], datetime]
) -> None:
    _, text = create_key(db, "ci", PREDICT, by=person("ada"), now=now())
    with db.read() as conn:
        [row] = conn.execute(sa.text("SELECT * FROM api_keys")).all()
    assert text not in str(row)
    assert hash_key(text) in str(row)


@pytest.mark.parametrize(("name", "scopes"), [(" ", PREDICT), ("ci", frozenset())])
def test_a_key_needs_a_name_and_a_scope(
    db: Database, now: Callable[[], datetime], name: str, scopes: frozenset[Scope]
) -> None:
    with pytest.raises(InvalidInput, match="A key needs a"):
        create_key(db, name, scopes, by=person("ada"), now=now())


def test_where_no_key_was_ever_made_everyone_may_call(db: Database) -> None:
    ring = KeyRing(db, lambda: NOON)
    ring.refresh()
    assert ring.check(None, Scope.PREDICT) is None
    assert ring.check("plk_anything", Scope.STATUS) is None


def test_before_it_was_read_a_ring_lets_nobody_in(db: Database) -> None:
    with pytest.raises(UnknownCaller):
        KeyRing(db, lambda: NOON).check(None, Scope.PREDICT)


def test_a_live_key_opens_its_scopes_and_no_others(
    db: Database, now: Callable[[], datetime]
) -> None:
    _, text = create_key(db, "ci", PREDICT, by=person("ada"), now=now())
    ring = KeyRing(db, lambda: NOON)
    ring.refresh()
    key = ring.check(text, Scope.PREDICT)
    assert key is not None
    assert key.name == "ci"
    with pytest.raises(MissingScope, match="'ci' is not for this: it lacks the scope 'samples'"):
        ring.check(text, Scope.SAMPLES)


@pytest.mark.parametrize("text", [None, "", "plk_wrong"])
def test_once_a_key_was_made_a_missing_or_wrong_one_is_turned_away(
    db: Database, now: Callable[[], datetime], text: str | None
) -> None:
    create_key(db, "ci", PREDICT, by=person("ada"), now=now())
    ring = KeyRing(db, lambda: NOON)
    ring.refresh()
    with pytest.raises(UnknownCaller):
        ring.check(text, Scope.PREDICT)


def test_revoking_the_last_key_closes_the_api_rather_than_opening_it(
    db: Database, now: Callable[[], datetime]
) -> None:
    key, text = create_key(db, "ci", PREDICT, by=person("ada"), now=now())
    ring = KeyRing(db, lambda: NOON)
    ring.refresh()
    with db.write() as conn:
        api_keys.revoke_key(conn, key.id, "ada", now())
    ring.refresh()
    with pytest.raises(UnknownCaller):
        ring.check(text, Scope.PREDICT)
    with pytest.raises(UnknownCaller):
        ring.check(None, Scope.PREDICT)


def test_a_started_ring_is_read_already_and_ends(db: Database) -> None:
    ring = KeyRing(db, lambda: NOON)
    ring.start()
    assert ring.check(None, Scope.PREDICT) is None
    ring.stop()
