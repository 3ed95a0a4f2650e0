"""Milliseconds of one look into the histories of a million rows, as a prediction takes it, and what
they cost the collection that brings the rows.

Run as `python -m bench.history [ROWS]`. A look is a transaction of its own that asks what was known
of a provider and a model at a moment; looks are spread over all makers and times. Labels of a tenth
of the rows came up to a day late. Processor time means more on a machine that does other things."""

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.domain.history import Maker
from core.domain.sample import Provenance, Sample
from core.store.data import samples
from core.store.data.history import find_totals
from core.store.engine.database import Database, open_database

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Cost = tuple[float, float]
DAYS, PIECE, N_LOOKS, N_LATE = 180, 5_000, 5_000, 1_000
PROVIDERS, MODELS = ("anthropic", "mistral", "openai"), tuple(f"model-{n}" for n in range(10))


def main(n_rows: int) -> None:
    """Print one JSON object."""
    with (
        tempfile.TemporaryDirectory() as home,
        closing(open_database("", Path(home), "process", NOW)) as db,
    ):
        fill_cpu, finish_ms = collect(db, "bulk", make_pieces(n_rows))
        late_cpu, late_ms = collect(db, "late", iter([make_piece(random.Random(2), N_LATE, 0)]))
        looks = [time_look(db, random.Random(n)) for n in range(N_LOOKS)]
    waited, worked = (statistics.quantiles(each, n=100) for each in zip(*looks, strict=True))
    print(
        json.dumps(
            {
                "n_rows": n_rows,
                "n_makers": len(PROVIDERS) * len(MODELS),
                "look_ms": {"p50": round(waited[49], 3), "p99": round(waited[98], 3)},
                "look_cpu_ms": {"p50": round(worked[49], 3), "p99": round(worked[98], 3)},
                "collected_in_cpu_seconds": round(fill_cpu, 1),
                "made_visible_in_ms": round(finish_ms[0]),
                "made_visible_in_cpu_ms": round(finish_ms[1]),
                "late_rows": N_LATE,
                "late_collected_in_cpu_seconds": round(late_cpu, 2),
                "late_made_visible_in_ms": round(late_ms[0]),
                "late_made_visible_in_cpu_ms": round(late_ms[1]),
            }
        )
    )


def make_pieces(n_rows: int) -> Iterator[list[Sample]]:
    """Rows in the order of their times, in pieces as a collection stores them."""
    rng = random.Random(1)
    step = DAYS * 86_400 / n_rows
    for start in range(0, n_rows, PIECE):
        yield make_piece(rng, min(PIECE, n_rows - start), start, step)


def make_piece(rng: random.Random, n: int, first: int, step: float | None = None) -> list[Sample]:
    """Rows from a place on, so many seconds apart; of random times without a step."""
    drawn = np.random.default_rng(rng.randrange(2**32))
    seconds = (
        drawn.uniform(0, DAYS * 86_400, n) if step is None else (first + np.arange(n)) * step
    ).tolist()
    late = (drawn.uniform(0, 86_400, n) * (drawn.uniform(size=n) < 0.1)).tolist()
    return [
        Sample(
            source="bench",
            provenance=Provenance.REAL,
            features={
                "provider": rng.choice(PROVIDERS),
                "model": rng.choice(MODELS),
                "csat": rng.random(),
            },
            target=rng.uniform(0, 100),
            at=find_time(second),
            labelled_at=find_time(second + delay),
        )
        for second, delay in zip(seconds, late, strict=True)
    ]


def find_time(seconds: float) -> datetime:
    """A moment of the 180 days."""
    return NOW - timedelta(days=DAYS) + timedelta(seconds=seconds)


def collect(db: Database, source: str, pieces: Iterator[list[Sample]]) -> tuple[float, Cost]:
    """Processor seconds of bringing rows in as one collection, and what its end took."""
    with db.write() as conn:
        collection = samples.start_collection(conn, source, {}, "bench", NOW)
    n_rows, spent = 0, 0.0
    for piece in pieces:
        started = time.process_time()
        with db.write() as conn:
            n_rows += samples.append_samples(conn, collection, piece)
        spent += time.process_time() - started
    finish_ms = time_call(lambda: finish(db, collection, n_rows))
    return spent, finish_ms


def finish(db: Database, collection: int, n_rows: int) -> None:
    """Make the rows visible, and their histories known."""
    with db.write() as conn:
        samples.finish_collection(
            conn,
            collection,
            n_received=n_rows,
            n_new=n_rows,
            n_duplicate=0,
            rejected=[],
            n_rejected=0,
            now=NOW,
        )


def time_look(db: Database, rng: random.Random) -> Cost:
    """What one look takes."""
    maker = Maker(False, rng.choice(PROVIDERS), rng.choice(MODELS))
    at = find_time(rng.uniform(0, DAYS * 86_400))

    def look() -> None:
        with db.read() as conn:
            find_totals(conn, maker, at)

    return time_call(look)


def time_call(call: Callable[[], None]) -> Cost:
    """Milliseconds, and milliseconds of the processor."""
    started, spent = time.perf_counter(), time.process_time()
    call()
    return (time.perf_counter() - started) * 1000, (time.process_time() - spent) * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
