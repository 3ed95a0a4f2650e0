"""The data checks on a million rows, beside pandera doing the checks that both have."""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pandera.pandas as pa

from core.data.quality.checks import check_rows
from core.data.quality.column_checks import check_columns, check_target
from core.data.quality.column_summaries import summarize_columns
from core.data.quality.row_checks import check_duplicates, check_times
from core.domain.dataset import AT, RESERVED, TARGET
from core.settings import Scale

N_COLUMNS = 20
NOW, SCALE = datetime(2026, 11, 1, tzinfo=UTC), Scale(0, 100)
ROUNDS = 3


def main() -> None:
    """Print seconds, the processor's seconds and peak memory of each, medians of three rounds in
    processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--part", choices=["build", *_CHECKS])
    chosen = parser.parse_args()
    if chosen.part:
        print(*_measure(chosen.part, chosen.rows))
        return
    base = _run("build", chosen.rows)[2]
    print(f"{chosen.rows:,} rows x {N_COLUMNS} columns, medians of {ROUNDS} rounds")
    print(f"{'':32} {'seconds':>8} {'processor':>10} {'MB above the rows':>18}")
    for part, (name, _) in _CHECKS.items():
        rounds = [_run(part, chosen.rows) for _ in range(ROUNDS)]
        seconds, processor, peak = (statistics.median(each) for each in zip(*rounds, strict=True))
        print(f"{name:32} {seconds:8.2f} {processor:10.2f} {peak - base:18,.0f}")


def _run(part: str, n_rows: int) -> tuple[float, ...]:
    command = [sys.executable, "-m", "bench.checks", "--part", part, "--rows", str(n_rows)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(map(float, output.split()))


def _measure(part: str, n_rows: int) -> tuple[float, float, float]:
    """Seconds, seconds of the processor and peak megabytes of one part in this process, which has
    loaded everything before."""
    frame = _build_frame(n_rows)
    started, spent = time.perf_counter(), time.process_time()
    if part in _CHECKS:
        _CHECKS[part][1](frame)
    seconds, processor = time.perf_counter() - started, time.process_time() - spent
    return seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _build_frame(n_rows: int) -> pd.DataFrame:
    """Sixteen numbers, three categories and a target over a year."""
    rng = np.random.default_rng(0)
    columns = {f"number_{k}": rng.normal(50, 10, n_rows) for k in range(N_COLUMNS - 4)}
    columns |= {
        f"category_{k}": pd.Series(rng.choice(list("abcdefgh"), n_rows), dtype="str")
        for k in range(3)
    }
    return pd.DataFrame(
        {
            "__at__": pd.date_range("2025-11-01", periods=n_rows, freq="30s", tz="UTC"),
            "__target__": np.clip(rng.normal(70, 12, n_rows), 0, 100),
            **columns,
        }
    )


def _check_ours(frame: pd.DataFrame) -> None:
    check_rows(frame, scale=SCALE, now=NOW)


def _check_overlap(frame: pd.DataFrame) -> None:
    """What pandera does below, by our own checks."""
    features = frame[[name for name in frame.columns if name not in RESERVED]]
    list(check_target(frame[TARGET], SCALE))
    list(check_columns(summarize_columns(features), len(frame)))
    list(check_duplicates(frame))
    list(check_times(frame[AT], NOW))


def _check_pandera(frame: pd.DataFrame) -> None:
    """Ranges, missing values, constant columns, duplicates, times."""
    within = pa.Check.in_range(0, 100)
    varies = pa.Check(lambda column: column.nunique() > 1)
    columns = {
        str(name): pa.Column(checks=[varies], nullable=True)
        for name in frame.columns
        if not str(name).startswith("__")
    }
    columns["__target__"] = pa.Column(float, checks=[within, varies])
    columns["__at__"] = pa.Column(checks=pa.Check(lambda at: at <= NOW))
    names = [str(name) for name in frame.columns]
    pa.DataFrameSchema(columns, unique=names).validate(frame, lazy=True)


_CHECKS: dict[str, tuple[str, Callable[[pd.DataFrame], None]]] = {
    "ours": ("every check of ours", _check_ours),
    "overlap": ("ours, what both check", _check_overlap),
    "pandera": ("pandera, what both check", _check_pandera),
}


if __name__ == "__main__":
    main()
