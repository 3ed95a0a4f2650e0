"""An import whose process is killed leaves nothing half there, and can simply be done again."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.bootstrap import build_app
from core.store.data import samples
from core.store.engine import schema
from core.store.engine.database import Database

ROOT = Path(__file__).parents[2]
N_ROWS = 40_000
PATIENCE_SECONDS = 120.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["a", "b", "score"])
        writer.writerows([n, n % 7, n % 100] for n in range(N_ROWS))
    return path


def start(home: Path, file: Path) -> subprocess.Popen[bytes]:
    environ = {name: text for name, text in os.environ.items() if "PLUMBLINE_" not in name}
    return subprocess.Popen(
        [sys.executable, "-m", "core", "collect", "file", str(file), "--target", "score"],
        cwd=ROOT,
        env={**environ, "PLUMBLINE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def count_written(db: Database) -> int:
    with db.read() as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(schema.samples)).scalar_one()


def count_visible(db: Database) -> int:
    with db.read() as conn:
        return sum(count.n_rows for count in samples.count_samples(conn))


@pytest.mark.slow
def test_a_killed_import_shows_no_row_and_the_next_one_brings_each_once(
    home: Path, file: Path
) -> None:
    app = build_app({"PLUMBLINE_HOME": str(home)})
    killed = start(home, file)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not count_written(app.db):
        assert killed.poll() is None, "it ended before it wrote"
        assert time.monotonic() < deadline
    killed.kill()
    killed.wait()
    assert 0 < count_written(app.db) < N_ROWS
    assert count_visible(app.db) == 0
    assert start(home, file).wait(PATIENCE_SECONDS) == 0
    assert count_visible(app.db) == count_written(app.db) == N_ROWS
    app.close()
