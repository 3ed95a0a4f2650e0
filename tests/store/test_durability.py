"""Killed at any moment, a writer leaves whole transactions, and all that it was told is written."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.domain.sample import Collection
from core.store.data.samples import count_samples, load_collections
from core.store.engine import schema
from core.store.engine.database import Database
from tests.store.write_on import N_IN_PIECE, N_PIECES, N_PREDICTIONS, collect

ROOT = Path(__file__).resolve().parents[2]
WRITER = Path(__file__).with_name("write_on.py")
N_KILLS = 5

pytestmark = pytest.mark.slow  # a process is started for each kill


def write_until_killed(url: str, home: Path, first: int, n_lines: int) -> list[str]:
    """What a writer said, killed while it went on after this many lines."""
    writer = subprocess.Popen(
        [sys.executable, str(WRITER), url, str(home), str(first)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    with writer:
        said = [writer.stdout.readline() for _ in range(n_lines)]
        writer.kill()
        return [line.strip() for line in [*said, *writer.stdout]]


def count_predictions(db: Database) -> dict[str, int]:
    """How many predictions of each round are there."""
    unit = schema.predictions.c.unit_id
    with db.read() as conn:
        rows = conn.execute(sa.select(unit, sa.func.count()).group_by(unit))
        return {row[0]: row[1] for row in rows}


def load_rounds(db: Database) -> dict[str, list[Collection]]:
    """The collections of each round, newest first."""
    with db.read() as conn:
        found: dict[str, list[Collection]] = {}
        for collection in load_collections(conn, 10_000):
            found.setdefault(collection.source, []).append(collection)
        return found


def count_visible(db: Database) -> dict[str, int]:
    """How many rows of each round training would see."""
    with db.read() as conn:
        return {found.source: found.n_rows for found in count_samples(conn)}


def test_what_a_killed_writer_was_told_is_written_and_nothing_is_half_there(
    new_db: Database, new_url: str, home: Path
) -> None:
    chance = random.Random(20260302)
    n_whole = N_PIECES * N_IN_PIECE
    for kill in range(N_KILLS):
        first = kill * 100_000
        said = write_until_killed(new_url, home, first, chance.randrange(1, 60))

        predicted = {line.replace("predicted", "round") for line in said if "predicted" in line}
        counts = count_predictions(new_db)
        assert predicted <= set(counts)
        assert set(counts.values()) == {N_PREDICTIONS}

        collected = {line.replace("collected", "round") for line in said if "collected" in line}
        visible = count_visible(new_db)
        assert collected <= set(visible)
        assert set(visible.values()) <= {n_whole}

        rounds = load_rounds(new_db)
        cut_off = [name for name, found in rounds.items() if found[0].finished_at is None]
        assert len(cut_off) <= 1  # the one of this kill; those before it were mended below
        for name in cut_off:
            assert name not in visible
            assert collect(new_db, int(name.removeprefix("round "))) == n_whole
            assert count_visible(new_db)[name] == n_whole


def test_a_database_whose_writer_was_killed_is_sound(sqlite_db: Database, home: Path) -> None:
    write_until_killed("", home, 0, 25)
    with sqlite_db.read() as conn:
        assert conn.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert conn.exec_driver_sql("PRAGMA foreign_key_check").all() == []
