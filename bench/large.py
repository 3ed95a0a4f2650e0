"""Training and evaluation on 10,000, 100,000 and 1,000,000 rows of 19 columns: seconds by stage and
the peak of the memory, so that anybody sees that nothing grows with the square of the rows.

Run as `python -m bench.large [--rows N ...] [--recipe NAME]`. Each size is a store of its own in a
temporary folder and a process of its own, which does what a job does: `train_version` from the
feedback to the registered version, MLflow's run included."""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core.domain.actor import Actor, Role
from core.domain.sample import Provenance, Sample
from core.log import configure
from core.registry import Registry
from core.settings import Scale
from core.store.data import samples
from core.store.engine.database import Database, open_database
from core.training.evaluate.fit_and_evaluate import Order
from core.training.flow import train_version

SIZES = (10_000, 100_000, 1_000_000)
N_NUMBERS, LEVELS = 17, ("anthropic", "mistral", "openai")
DAYS, PIECE, ROWS_A_SESSION = 180, 20_000, 5
NOW = datetime(2026, 6, 1, tzinfo=UTC)

BENCH = Actor("bench", Role.ADMIN)


def generate(n_rows: int) -> Iterator[list[Sample]]:
    """Rows of 180 days in sessions of five: seventeen numbers of which nine matter, and two
    categories."""
    names = [f"c{i}" for i in range(N_NUMBERS)]
    rng = np.random.default_rng(1)
    for start in range(0, n_rows, PIECE):
        n = min(PIECE, n_rows - start)
        X = rng.normal(size=(n, N_NUMBERS))
        words = rng.choice(LEVELS, (2, n))
        y = 55 + X[:, :5] @ np.arange(5.0, 0.0, -1) + 4 * np.abs(X[:, 5]) + 3 * X[:, 6] * X[:, 7]
        y += 2 * np.maximum(X[:, 8], 0) + 3 * (words[0] == "openai") + rng.normal(0, 4, n)
        seconds = (start + np.arange(n)) * (DAYS * 86_400 / n_rows)
        yield [
            Sample(
                source="bench",
                provenance=Provenance.REAL,
                features={**dict(zip(names, row, strict=True)), "provider": one, "model": other},
                target=target,
                at=NOW - timedelta(days=DAYS) + timedelta(seconds=second),
                external_id=str(start + i),
                group=f"session {(start + i) // ROWS_A_SESSION}",
            )
            for i, (row, one, other, target, second) in enumerate(
                zip(
                    X.round(6).tolist(),
                    *words.tolist(),
                    np.clip(y, 0, 100).tolist(),
                    seconds.tolist(),
                    strict=True,
                )
            )
        ]


def fill(db: Database, n_rows: int) -> None:
    """Put the rows into the store as one finished collection."""
    with db.write() as conn:
        collection = samples.start_collection(conn, "bench", {}, "bench", NOW)
    for piece in generate(n_rows):
        with db.write() as conn:
            samples.append_samples(conn, collection, piece)
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


class Stages:
    """Seconds by what `progress` says is done, and the peak of the memory until then."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._since = "", time.perf_counter()

    def __call__(self, share: float, message: str) -> None:
        """Begin the next stage; those that differ in numbers only are one."""
        now = time.perf_counter()
        if self._name:
            self.seconds[self._name] = self.seconds.get(self._name, 0.0) + now - self._since
        self._name, self._since = name_stage(message), now


def name_stage(message: str) -> str:
    """The stage that a progress message belongs to.

    >>> name_stage("search: 3 of 135 boostings, best loss 3.1"), name_stage("checking 50 rows")
    ('search', 'checking rows')
    """
    return re.sub(r"[ ,]*\d[\d,.]*( of \d[\d,]*)?", "", re.split(r"[:,] (?=\D)", message)[0])


def measure(n_rows: int, recipe: str) -> dict[str, object]:
    """Fill a store, train, and say what it took."""
    configure()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        db = open_database(f"sqlite:///{home / 'plumbline.db'}", home, "process", NOW)
        registry = Registry(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")
        registry.prepare()
        fill(db, n_rows)
        before, stages, started = peak_mb(), Stages(), time.perf_counter()
        version = train_version(
            db,
            registry,
            Order(recipe, 0, Scale(0, 100), 5.0),
            snapshots=home / "snapshots",
            by=BENCH,
            now=lambda: NOW,
            progress=stages,
        )
        stages(1.0, "")
        return {
            "rows": n_rows,
            "seconds": time.perf_counter() - started,
            "stages": stages.seconds,
            "before_mb": before,
            "peak_mb": peak_mb(),
            "mae": version.report.metrics.mae.value,
        }


def peak_mb() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_apart(n_rows: int, recipe: str) -> dict[str, Any]:
    """`measure` in a process of its own, so that a peak is that of one size alone."""
    command = [sys.executable, "-m", "bench.large", "--one", str(n_rows), "--recipe", recipe]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(found: list[dict[str, Any]]) -> None:
    """A line a stage, a column a size; the last column is how many times a stage grew with ten
    times the rows."""
    print("rows".ljust(52) + "".join(f"{one['rows']:>12,}" for one in found))
    stages = dict.fromkeys(name for one in found for name in one["stages"])
    lines = {name: [one["stages"].get(name, 0.0) for one in found] for name in stages}
    lines["all, seconds"] = [one["seconds"] for one in found]
    for name, seconds in lines.items():
        print(name[:51].ljust(52) + "".join(f"{value:>12.1f}" for value in seconds))
    for name in ("before_mb", "peak_mb", "mae"):
        print(name.ljust(52) + "".join(f"{one[name]:>12,.1f}" for one in found))


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--recipe", default="advanced")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.recipe)))
        return
    show([run_apart(n_rows, given.recipe) for n_rows in given.rows])


if __name__ == "__main__":
    main()
