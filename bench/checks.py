"""The data checks on a million rows, beside pandera doing the checks that both have."""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime

N_COLUMNS = 20
ROUNDS = 3


def main() -> None:
    """Print seconds and peak memory of both, medians of three rounds in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--part", choices=["build", "ours", "pandera"])
    chosen = parser.parse_args()
    if chosen.part:
        print(*_measure(chosen.part, chosen.rows))
        return
    base = _run("build", chosen.rows)[1]
    print(f"{chosen.rows:,} rows x {N_COLUMNS} columns, medians of {ROUNDS} rounds")
    print(f"{'':32} {'seconds':>8} {'MB above the rows':>18}")
    for part, name in (("ours", "every check of ours"), ("pandera", "pandera, what both check")):
        rounds = [_run(part, chosen.rows) for _ in range(ROUNDS)]
        seconds = statistics.median(taken for taken, _ in rounds)
        memory = statistics.median(peak for _, peak in rounds) - base
        print(f"{name:32} {seconds:8.2f} {memory:18,.0f}")


def _run(part: str, n_rows: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.checks", "--part", part, "--rows", str(n_rows)]
    seconds, peak = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    return float(seconds), float(peak)


def _measure(part: str, n_rows: int) -> tuple[float, float]:
    """Seconds and peak megabytes of one part in this process."""
    frame = _build_frame(n_rows)
    started = time.perf_counter()
    if part == "ours":
        _check_ours(frame)
    elif part == "pandera":
        _check_pandera(frame)
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _build_frame(n_rows: int):  # type: ignore[no-untyped-def]
    """Sixteen numbers, three categories and a target over a year."""
    import numpy as np
    import pandas as pd

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


def _check_ours(frame) -> None:  # type: ignore[no-untyped-def]
    from core.data.checks import check_rows
    from core.settings import Scale

    check_rows(frame, scale=Scale(0, 100), now=datetime(2026, 11, 1, tzinfo=UTC))


def _check_pandera(frame) -> None:  # type: ignore[no-untyped-def]
    """Ranges, missing values, constant columns, duplicates, times."""
    import pandera.pandas as pa

    within = pa.Check.in_range(0, 100)
    varies = pa.Check(lambda column: column.nunique() > 1)
    columns = {
        str(name): pa.Column(checks=[varies], nullable=True)
        for name in frame.columns
        if not str(name).startswith("__")
    }
    columns["__target__"] = pa.Column(float, checks=[within, varies])
    columns["__at__"] = pa.Column(
        checks=pa.Check(lambda at: at <= datetime(2026, 11, 1, tzinfo=UTC))
    )
    names = [str(name) for name in frame.columns]
    pa.DataFrameSchema(columns, unique=names).validate(frame, lazy=True)


if __name__ == "__main__":
    main()
