"""Direct logging: on disk at once or not at all, and no wait for
others that it was not told to."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from core.store.engine.database import Database, open_database
from core.store.predictions.batches import find_next_batch
from core.store.predictions.direct import DirectLog, open_direct
from tests.fakes import make_batch, make_prediction
from tests.streams import load_recent_predictions

ONE, TWO = make_prediction("1" * 32), make_prediction("2" * 32, text="a text", score=None)


@pytest.fixture
def db(home: Path, now: Callable[[], datetime]) -> Iterator[Database]:
    """A store in a file: PostgreSQL has no such way."""
    db = open_database("", home, "process", now())
    yield db
    db.close()


@pytest.fixture
def direct(db: Database) -> Iterator[DirectLog]:
    direct = open_direct(db)
    assert direct is not None
    yield direct
    direct.close()


def test_what_is_appended_is_what_is_read(db: Database, direct: DirectLog) -> None:
    assert direct.append([ONE, TWO])
    with db.read() as conn:
        assert load_recent_predictions(conn, 9) == [TWO, ONE]


def test_while_another_writes_nothing_is_appended_and_nobody_waits(
    db: Database, direct: DirectLog
) -> None:
    with db.write():
        assert not direct.append([ONE])
    assert direct.append([TWO])
    with db.read() as conn:
        assert load_recent_predictions(conn, 9) == [TWO]


def test_a_batch_is_kept_whole_or_not_at_all(db: Database, direct: DirectLog) -> None:
    batch = make_batch(400)
    with db.write():
        assert not direct.append_batch(batch)
    assert not direct.append_batch(replace(batch, version=2**70))
    assert direct.append_batch(batch)
    with db.read() as conn:
        found = find_next_batch(conn, 0, 9)
    assert found is not None
    assert found[1] == batch


def test_it_waits_for_others_where_it_is_told_to(db: Database) -> None:
    direct = open_direct(db, wait_ms=10_000)
    assert direct is not None
    with ThreadPoolExecutor(1) as thread:
        with db.write():
            kept = thread.submit(direct.append_batch, make_batch(400))
            with pytest.raises(TimeoutError):
                kept.result(0.05)
        assert kept.result(10)
    direct.close()


def test_of_a_group_with_a_row_that_is_not_taken_nothing_is_kept(
    db: Database, direct: DirectLog
) -> None:
    assert not direct.append([ONE, make_prediction("3" * 32, text="\ud800")])
    assert not direct.append([ONE, make_prediction("3" * 32, version=2**70)])
    assert not direct.append([ONE, make_prediction("3" * 32, latency_ms=None)])
    with db.read() as conn:
        assert load_recent_predictions(conn, 9) == []


def test_there_is_none_where_every_commit_waits_for_the_disk(
    home: Path, now: Callable[[], datetime]
) -> None:
    db = open_database("", home, "power", now())
    assert open_direct(db) is None
    db.close()
