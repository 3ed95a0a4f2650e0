"""Batches that wait: found by the ids of their rows, and moved to the log once, on both
databases."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.prediction import Prediction, build_predictions
from core.store.engine.database import Database
from core.store.predictions import batches, predictions
from core.store.predictions.predictions import (
    append_predictions,
    list_batch_values,
    list_values,
    move_batches,
)
from tests.conftest import NOON
from tests.fakes import make_batch, make_prediction
from tests.streams import load_recent_predictions

ROOT = Path(__file__).parents[3]
FIRST = make_batch(7, bits=b"\x01" * 8)
SECOND = replace(make_batch(400, at=NOON + timedelta(milliseconds=1), bits=b"\x02" * 8), key_id=3)


def add(db: Database) -> None:
    with db.write() as conn:
        batches.append_batches(conn, [FIRST, SECOND])


def load_all(db: Database) -> list[Prediction]:
    """The log in its order."""
    with db.read() as conn:
        return load_recent_predictions(conn, 10_000)[::-1]


def test_what_waits_comes_back_as_it_was_answered_in_the_order_in_which_it_came(
    db: Database,
) -> None:
    add(db)
    assert load_all(db) == []
    assert move_batches(db) == 407
    assert load_all(db) == build_predictions(FIRST) + build_predictions(SECOND)
    assert move_batches(db) == 0


def test_rows_of_a_batch_are_logged_as_the_predictions_that_they_are() -> None:
    plain = replace(make_batch(3), unit_ids=None, lows=None, highs=None)
    odd_features = {'say "hi"': ["a\nb", 1.5, None], "\\": [0.0, -1e300, 7.0]}
    odd = replace(make_batch(3), features=odd_features)
    for batch in (FIRST, SECOND, plain, odd):
        assert list_batch_values(batch) == list_values(build_predictions(batch))


def test_the_rows_that_wait_are_counted(db: Database) -> None:
    add(db)
    with db.read() as conn:
        assert batches.count_rows(conn) == 407
    move_batches(db)
    with db.read() as conn:
        assert batches.count_rows(conn) == 0


def test_a_row_that_waits_is_found_by_its_id_and_by_no_other(db: Database) -> None:
    add(db)
    wanted = build_predictions(SECOND, [399])[0]
    beyond = make_batch(401, at=SECOND.at, bits=b"\x02" * 8).ids[400]
    with db.read() as conn:
        assert predictions.find_prediction(conn, wanted.id) == wanted
        assert predictions.find_prediction(conn, beyond) is None
        assert predictions.find_known(conn, [wanted.id, beyond, "order-17", FIRST.ids[0]]) == {
            wanted.id,
            FIRST.ids[0],
        }
    move_batches(db)
    with db.read() as conn:
        assert predictions.find_prediction(conn, wanted.id) == wanted


def test_who_reads_all_reads_what_waited_and_writes_nothing(db: Database) -> None:
    add(db)
    with predictions.read_all(db) as conn:
        assert load_recent_predictions(conn, 999)[::-1] == build_predictions(FIRST) + (
            build_predictions(SECOND)
        )
        with pytest.raises(Exception, match=r"(?i)read.?only"):
            batches.append_batches(conn, [FIRST])


def test_several_that_drain_at_once_move_each_row_once(db: Database) -> None:
    with db.write() as conn:
        batches.append_batches(conn, [make_batch(50, bits=bytes([n] * 8)) for n in range(12)])
    moved: list[int] = []
    threads = [threading.Thread(target=lambda: moved.append(move_batches(db))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(moved) == 600
    assert len({row.id for row in load_all(db)}) == 600


def test_a_batch_that_cannot_be_moved_waits_whole(db: Database) -> None:
    """A row of the log has the id of one of its rows: a bug that must not lose the others."""
    add(db)
    with db.write() as conn:
        append_predictions(conn, [make_prediction(SECOND.ids[5])])
    with pytest.raises(Exception, match=r"(?i)unique"):
        move_batches(db)
    with db.read() as conn:
        assert batches.count_rows(conn) == 400
    assert len(load_all(db)) == 8


@pytest.mark.slow  # a process is started for each kill
def test_killed_between_any_two_statements_each_row_is_moved_once(
    sqlite_db: Database, home: Path
) -> None:
    added = [make_batch(120, bits=bytes([n] * 8)) for n in range(4)]
    with sqlite_db.write() as conn:
        batches.append_batches(conn, added)
    n_killed = 0
    for n_statements in (3, 5, 7, 9, 11, 8, 10, 12):
        command = [sys.executable, "-m", "tests.store.drain_once", home, str(n_statements)]
        child = subprocess.run(command, check=False, cwd=ROOT)
        n_killed += child.returncode == -signal.SIGKILL
        with sqlite_db.read() as conn:
            assert len(load_all(sqlite_db)) + batches.count_rows(conn) == 480
    assert n_killed >= 5
    move_batches(sqlite_db)
    assert load_all(sqlite_db) == [row for batch in added for row in build_predictions(batch)]
