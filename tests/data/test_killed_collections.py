"""Each kind of collection, killed between two statements again and again, ends exactly once."""

import json
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.data.collect_all import gather
from core.data.tables.sync_cursor import Request
from core.domain.source import CollectionOutcome
from core.settings import parse_settings
from core.store.data import samples, sources
from core.store.engine import schema
from core.store.engine.database import Database
from tests.data.collect_and_die import NEVER, collect
from tests.fakes import make_prediction
from tests.streams import NOON, add_labels, add_predictions

N_ROWS, N_KILLS = 5_000, 5
KINDS = {"file": 28, "folder": 56, "feedback": 40, "pushed": 14}
"""The statements among which one is drawn: few enough that a collection is not whole before."""


def write_rows(path: Path, first: int = 0) -> None:
    path.parent.mkdir(exist_ok=True)
    rows = "".join(f"{n},{n % 7},{n % 100}\n" for n in range(first, first + N_ROWS))
    path.write_text("a,b,score\n" + rows)


def prepare(db: Database, kind: str, folder: Path) -> Path:
    """What there is to collect, 5,000 rows of it; the file or the folder."""
    if kind == "feedback":
        second = timedelta(seconds=1)
        ids = [f"p{n:05d}" for n in range(N_ROWS)]
        add_predictions(db, [make_prediction(id, at=NOON - n * second) for n, id in enumerate(ids)])
        add_labels(db, [(id, n % 100) for n, id in enumerate(ids)])
        return folder
    if kind == "file":
        write_rows(folder / "a.csv")
        return folder / "a.csv"
    if kind == "pushed":
        rows = [{"features": {"a": n, "b": n % 7}, "target": n % 100} for n in range(N_ROWS)]
        folder.mkdir()
        (folder / "body.json").write_text(json.dumps(rows))
        return folder / "body.json"
    for n, name in enumerate(("a.csv", "b.csv", "c.csv")):
        write_rows(folder / name, first=n * N_ROWS)
    return folder


def die(kind: str, home: Path, path: Path, n_statements: int) -> int:
    command = [sys.executable, "-m", "tests.data.collect_and_die"]
    return subprocess.run([*command, kind, home, path, str(n_statements)], check=False).returncode


def count(db: Database) -> tuple[int, int]:
    """How many rows are visible, and how many there are in all."""
    with db.read() as conn:
        visible = sum(each.n_rows for each in samples.count_samples(conn))
        written = conn.execute(sa.select(sa.func.count()).select_from(schema.samples)).scalar_one()
    return visible, written


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_anywhere_and_done_again_each_row_is_there_once(
    db: Database, home: Path, tmp_path: Path, kind: str
) -> None:
    path = prepare(db, kind, tmp_path / "in")
    n_rows = N_ROWS * (3 if kind == "folder" else 1)
    draw = random.Random(kind)
    for _ in range(N_KILLS):
        assert die(kind, home, path, draw.randrange(2, KINDS[kind])) == -signal.SIGKILL
        assert kind == "feedback" or count(db)[0] % N_ROWS == 0, "no half of a file is visible"
    assert 0 < count(db)[1] < n_rows or kind == "file", "the kills came while rows were written"
    assert die(kind, home, path, NEVER) == 0
    assert count(db) == (n_rows, n_rows)
    collect(db, kind, path)
    assert count(db) == (n_rows, n_rows), "nothing is left to collect"


@pytest.mark.slow
def test_a_source_that_kills_the_process_each_time_blocks_no_other(
    db: Database, home: Path, tmp_path: Path
) -> None:
    prepare(db, "feedback", tmp_path)
    path = prepare(db, "folder", tmp_path / "in")
    assert die("feedback", home, path, 20) == -signal.SIGKILL
    settings = parse_settings({"PLUMBLINE_HOME": str(home), "PLUMBLINE_WATCH_FOLDER": str(path)})
    order: list[str] = []
    found = gather(
        db,
        settings,
        Request(),
        by="ada",
        now=lambda: NOON,
        progress=lambda share, text: order.append(text.partition(":")[0]),
    )
    assert order[0] == "a.csv", "the one that was cut off comes last"
    assert [(source.name, source.outcome) for source in found] == [
        ("folder", CollectionOutcome.COLLECTED),
        ("feedback", CollectionOutcome.COLLECTED),
    ]
    assert count(db) == (4 * N_ROWS, 4 * N_ROWS)
    with db.read() as conn:
        assert all(source.finished_at is not None for source in sources.load_sources(conn))
