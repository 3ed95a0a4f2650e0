"""Rows a second from the real PostgREST into the store, beside a bare loop of the same client.

Run as `python -m bench.collect [ROWS]`; both read the same columns of the same table, in turn, on
this machine alone and once more with 40 ms before every request, as to a project somewhere else.
The bare loop keeps nothing: the share is what typing, hashing and storing every row leave of the
client's own speed. The bare writer keeps each row as JSON in one SQLite table without an index, in
one transaction: what anybody pays who stores the rows at all. Of each the processor time of this
process is told as well, which means more on a machine that does other things too."""

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from supabase import create_client
from supabase.lib.client_options import SyncClientOptions

from core.data.context import CollectContext
from core.data.tables.collect_table import WantedTable, collect_table
from core.data.tables.supabase import PAGE_ROWS, Project
from core.data.tables.sync_cursor import Request
from core.domain.source import TableMapping
from core.settings import Scale
from core.store.engine.database import open_database

ROUNDS = 3
DELAYS_MS = (0, 40)
FEATURES = ("provider", "model", "length", "quality", "coverage", "complexity")
MAPPING = TableMapping("scores", target="score", features=FEATURES)
COLUMNS = ("id", "created_at", "score", *FEATURES)
TABLE = """
CREATE TABLE scores (
    id BIGINT PRIMARY KEY, created_at TIMESTAMPTZ NOT NULL, score FLOAT, provider TEXT, model TEXT,
    length INT, quality FLOAT, coverage FLOAT, complexity FLOAT);
CREATE INDEX ON scores (created_at, id);
INSERT INTO scores
SELECT g, TIMESTAMPTZ '2026-01-01' + g * INTERVAL '1 second', g % 101, 'openai', 'm' || g % 7,
       g % 9000, (g * 37 % 1000) / 10.0, (g * 91 % 1000) / 10.0, (g * 53 % 1000) / 10.0
FROM generate_series(1, {n}) g;
ANALYZE scores;
"""


def read_bare(url: str, key: str) -> int:
    """Every row by the same client, paged by the table's own key, and thrown away."""
    return sum(len(rows) for rows in page_bare(url, key))


def write_bare(url: str, key: str) -> int:
    """As `read_bare`, each row kept as JSON, in one transaction."""
    with (
        tempfile.TemporaryDirectory() as home,
        closing(sqlite3.connect(Path(home) / "bare.db")) as conn,
    ):
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, row TEXT)")
        n_rows = 0
        with conn:
            for rows in page_bare(url, key):
                texts = [(row["id"], json.dumps(row)) for row in rows]
                conn.executemany("INSERT INTO rows VALUES (?, ?)", texts)
                n_rows += len(rows)
        return n_rows


def page_bare(url: str, key: str) -> Iterator[list[Any]]:
    """The pages of the table, one after the other."""
    http = httpx.Client(timeout=httpx.Timeout(10.0))
    with closing(http):
        client = create_client(url, key, SyncClientOptions(httpx_client=http))
        last = 0
        while True:
            query = client.table("scores").select(*COLUMNS).gt("id", last).order("id")
            rows = query.limit(PAGE_ROWS).execute().data
            if not rows:
                return
            yield rows
            last = rows[-1]["id"]


def collect(url: str, key: str) -> int:
    """Every row into a fresh store, counted, reconciled and visible."""
    now = datetime(2026, 6, 1, tzinfo=UTC)
    with (
        tempfile.TemporaryDirectory() as home,
        closing(open_database("", Path(home), "process", now)) as db,
        closing(Project(url, key)) as project,
    ):
        source = collect_table(
            CollectContext(db, Scale(0.0, 100.0), "bench", lambda: now, lambda share, text: None),
            project,
            WantedTable(MAPPING),
            Request(),
            overlap=timedelta(hours=24),
        )
    return source.n_new


def measure(
    read: Callable[[str, str], int], url: str, key: str, n_rows: int
) -> tuple[float, float]:
    """Rows a second, of all of them, and the seconds of processor time of this process."""
    started, worked = time.perf_counter(), time.process_time()
    n_read = read(url, key)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
    if n_read != n_rows:
        raise SystemExit(f"{read.__name__} brought {n_read:,} of {n_rows:,} rows")
    return n_rows / seconds, cpu_seconds


def main(n_rows: int) -> None:
    """Print one JSON object for each delay, with the medians of all rounds."""
    for delay_ms in DELAYS_MS:
        rounds = measure_all(n_rows, delay_ms)
        rates = {name: [rate for rate, _ in each] for name, each in rounds.items()}
        bare, written, collected = (statistics.median(each) for each in rates.values())
        print(
            json.dumps(
                {
                    "n_rows": n_rows,
                    "delay_ms": delay_ms,
                    "bare_rows_per_second": round(bare),
                    "written_rows_per_second": round(written),
                    "collected_rows_per_second": round(collected),
                    "share": round(collected / bare, 3),
                    "share_of_written": round(collected / written, 3),
                    "cpu_seconds": {
                        name: round(statistics.median(cpu for _, cpu in each), 2)
                        for name, each in rounds.items()
                    },
                    "rounds": {
                        name: [round(rate) for rate in each] for name, each in rates.items()
                    },
                }
            ),
            flush=True,
        )


def measure_all(n_rows: int, delay_ms: int) -> dict[str, list[tuple[float, float]]]:
    """What `measure` says of each reader, in turn, from a project that is so far away."""
    command = [sys.executable, "-m", "tests.supastack", str(delay_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            stack = json.loads(process.stdout.readline())
            with psycopg.connect(stack["database"], autocommit=True) as conn:
                conn.execute(TABLE.format(n=n_rows))
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in _READERS}
            for _ in range(ROUNDS):
                for name, read in _READERS.items():
                    found[name].append(measure(read, stack["url"], stack["service_key"], n_rows))
        finally:
            process.terminate()
    return found


_READERS = {"bare": read_bare, "written": write_bare, "collected": collect}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
