"""Drift of 19 columns, 10,000 held-out rows against a window of 100,000, noise thresholds included,
beside Evidently's preset, in turn.

Run as `python -m bench.monitoring`; the first run makes Evidently's environment below `var/`."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from bench.peers.environment import make_environment
from core.domain.monitoring import Reference
from core.monitoring.drift.binning import Values, count_values
from core.monitoring.drift.compare import compare_window
from core.monitoring.drift.reference import History, build_reference

ROUNDS = 3
N_REFERENCE, N_WINDOW = 10_000, 100_000
N_NUMBERS, N_CATEGORIES = 16, 3
PEER = Path("var/bench/evidently")
PEER_PACKAGES = ("evidently==0.7.23", "pandas<3", "pyarrow")

Columns = dict[str, Values]


def draw_columns(rng: np.random.Generator, n: int) -> Columns:
    """16 columns of numbers and 3 of categories, without drift."""
    columns: Columns = {f"number{i}": rng.standard_normal(n) for i in range(N_NUMBERS)}
    for i in range(N_CATEGORIES):
        columns[f"category{i}"] = rng.choice(np.array(["a", "b", "c", "d", "e"]), n).tolist()
    return columns


def pin(rng: np.random.Generator, columns: Columns) -> Reference:
    """The reference of the held-out rows, of 60 days."""
    n = N_REFERENCE
    return build_reference(
        History(
            columns,
            at_seconds=np.sort(rng.integers(0, 60, n)) * 86_400.0,
            holdout=np.arange(n),
            scores=rng.uniform(0, 100, n),
            errors=np.abs(rng.standard_normal(n)),
        ),
        version=1,
        now=datetime(2026, 6, 1, tzinfo=UTC),
    )


def compare(reference: Reference, columns: Columns) -> float:
    """Seconds to count the window's columns and judge them, with their noise."""
    features = [bins for bins in reference.columns if bins.is_feature]
    started = time.perf_counter()
    counted = [count_values(bins, columns[bins.name]) for bins in features]
    checks = compare_window(
        Reference(1, reference.at, reference.n_rows, 60, 1.0, tuple(features)),
        counted,
        threshold=0.1,
        importance={},
        passed_before=frozenset(),
        seed=0,
    )
    seconds = time.perf_counter() - started
    assert not any(check.passed for check in checks)
    return seconds


def run_peer(python: Path, folder: Path, n_rounds: int) -> list[float]:
    """The seconds of each of its rounds."""
    script = Path(__file__).with_name("evidently_drift.py")
    files = [str(folder / "reference.parquet"), str(folder / "window.parquet")]
    done = subprocess.run(
        [str(python), str(script), *files, str(n_rounds)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "DO_NOT_TRACK": "1"},
    )
    return [float(seconds) for seconds in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Measure both in turn, and print the medians as one JSON object."""
    rng = np.random.default_rng(0)
    held_out, window = draw_columns(rng, N_REFERENCE), draw_columns(rng, N_WINDOW)
    started = time.perf_counter()
    reference = pin(rng, held_out)
    pinned = time.perf_counter() - started
    python = make_environment(PEER, *PEER_PACKAGES)
    ours, peers = [], []
    with tempfile.TemporaryDirectory() as folder:
        pd.DataFrame(held_out).to_parquet(Path(folder) / "reference.parquet")
        pd.DataFrame(window).to_parquet(Path(folder) / "window.parquet")
        for _ in range(ROUNDS):
            ours.append(compare(reference, window))
            peers += run_peer(python, Path(folder), 1)
    mine, peer = statistics.median(ours), statistics.median(peers)
    found = {
        "columns": N_NUMBERS + N_CATEGORIES,
        "reference_rows": N_REFERENCE,
        "window_rows": N_WINDOW,
        "drift_seconds": round(mine, 4),
        "reference_seconds": round(pinned, 4),
        "evidently_seconds": round(peer, 3),
        "times_as_fast": round(peer / mine, 1),
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
