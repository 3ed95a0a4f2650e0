"""Windows over 10,000,000 predictions: reading their rollups, and everything the monitoring page
shows of them.

Run as `python -m bench.windows [N]`. The predictions of 90 days are inserted in bulk into a store
of a temporary folder, each minute's rollup is that of its share of them, and hours and days are
merged from the minutes by the product's own code."""

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from core.domain.monitoring import DAY, HOUR, MINUTE, Outcomes, Rollup, RollupProgress
from core.domain.prediction import AnswerSource
from core.log import configure
from core.monitoring.flow import describe_health
from core.monitoring.measure.rollup_updates import load_window
from core.monitoring.measure.rollups import build_longer, describe_basis
from core.settings import Scale, Thresholds
from core.stats.histogram import latency_bucket
from core.store.engine.database import Database, open_database
from core.store.engine.types import to_micros
from core.store.predictions import rollups

N_DAYS, ROUNDS = 90, 7
SCALE, TOLERANCE = Scale(0.0, 100.0), 5.0
NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = NOW - timedelta(days=N_DAYS)
WINDOWS = {"24 hours": 1, "7 days": 7, "30 days": 30, "90 days": 90}

_INSERT = """
INSERT INTO predictions (id, at, version, variant, source, score, features, latency_ms, revision)
WITH RECURSIVE i(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM i WHERE k + 1 < :n)
SELECT printf('%032x', k), :start + CAST(k * :step AS INTEGER), 1, 'champion', 'model',
       40 + (k * 7919) % 5000 / 100.0, '{"a": 1.0}', 5 + k % 20, 1 FROM i
"""


def add_predictions(db: Database, n: int) -> float:
    """Seconds to insert them."""
    started = time.perf_counter()
    step = N_DAYS * DAY * 1e6 / n
    with db.write() as conn:
        conn.execute(sa.text(_INSERT), {"n": n, "start": to_micros(START), "step": step})
    return time.perf_counter() - started


def build_minutes(n: int) -> list[Rollup]:
    """One rollup a minute, with the latencies, scores and labels of its share of the rows."""
    rng = np.random.default_rng(0)
    per_minute = n // (N_DAYS * 1_440)
    found = []
    for minute in range(N_DAYS * 1_440):
        buckets = rng.integers(latency_bucket(5.0), latency_bucket(60.0), 12)
        names, counts = np.unique(buckets, return_counts=True)
        shares = (counts * (per_minute // 12)).tolist()
        latency = dict(zip(names.tolist(), shares, strict=True))
        scores = dict.fromkeys(range(20, 45, 3), per_minute // 9)
        labelled = per_minute // 3
        steps, times = np.unique(rng.integers(60, 180, labelled), return_counts=True)
        outcomes = Outcomes(
            n=labelled,
            n_within=int(labelled * 0.8),
            sum_abs=3.0 * labelled,
            sum_squared=14.0 * labelled,
            actuals={
                step: (n, n * (step + 0.4) / 2)
                for step, n in zip(steps.tolist(), times.tolist(), strict=True)
            },
        )
        at = START + timedelta(minutes=minute)
        found.append(
            Rollup(MINUTE, at, 1, AnswerSource.MODEL, per_minute, latency, scores, outcomes)
        )
    return found


def add_rollups(db: Database, n: int) -> None:
    """Minutes, and the hours and days that they make."""
    minutes = build_minutes(n)
    hours = build_longer(minutes, HOUR)
    with db.write() as conn:
        for seconds, found in ((MINUTE, minutes), (HOUR, hours), (DAY, build_longer(hours, DAY))):
            for start in range(0, len(found), 10_000):
                rollups.save_rollups(conn, seconds, [], found[start : start + 10_000])
        basis = describe_basis(SCALE, TOLERANCE)
        rollups.save_progress(conn, RollupProgress(basis, n, 0, NOW))


def measure(db: Database, n_days: int) -> tuple[float, float]:
    """Milliseconds to read a window, and to say everything about it; medians."""
    reads, summaries = [], []
    window = timedelta(days=n_days)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        with db.read() as conn:
            load_window(conn, NOW - window, NOW)
        reads.append(time.perf_counter() - started)
        started = time.perf_counter()
        describe_health(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOW, window=window)
        summaries.append(time.perf_counter() - started)
    return 1e3 * statistics.median(reads), 1e3 * statistics.median(summaries)


def main() -> None:
    """Build the store, then each window in turn."""
    configure(level=40)
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        db = open_database("", Path(folder), "process", NOW)
        seconds = add_predictions(db, n)
        add_rollups(db, n)
        print(f"{n:,} predictions of {N_DAYS} days, inserted in {seconds:.0f} s")
        print(f"{'window':10} {'read':>10} {'everything shown':>18}")
        for name, n_days in WINDOWS.items():
            read, summary = measure(db, n_days)
            print(f"{name:10} {read:7.1f} ms {summary:15.1f} ms")
        db.close()


if __name__ == "__main__":
    main()
