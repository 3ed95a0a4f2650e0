"""Rows a second of `predict` on a file of a million rows and 19 columns, and the memory it takes,
beside a script of pandas that holds the whole file.

Run as `python -m bench.predict [ROWS]`. Both score with the same pipeline and are processes of
their own. The script keeps nothing when it is killed, checks nothing and knows no interval."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from bench.peers.model import N_FEATURES, NAMES
from bench.serving import DATA, ROOT, prepare_all

PEER = "bench.peers.pandas_predict"


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def write_rows(folder: Path, n_rows: int) -> list[Path]:
    """The same rows as CSV and as Parquet."""
    values = np.random.default_rng(1).uniform(0, 100, (n_rows, N_FEATURES)).round(2)
    table = pa.table({name: values[:, place] for place, name in enumerate(NAMES)})
    paths = [folder / "rows.csv", folder / "rows.parquet"]
    pyarrow.csv.write_csv(table, paths[0])
    pyarrow.parquet.write_table(table, paths[1])
    return paths


def run(command: list[str]) -> Cost:
    """A process from its start to its end."""
    environment = {**os.environ, "PLUMBLINE_HOME": str(DATA / "home")}
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - started, cpu, usage.ru_maxrss / 1024)


def main() -> None:
    """Measure each kind of file by both, and print a line each."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    prepare_all()
    print(f"{'':24} {'rows/s':>9} {'seconds':>8} {'CPU s':>7} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for path in write_rows(Path(folder), n_rows):
            ours, theirs = (path.with_name(f"{name}{path.suffix}") for name in ("ours", "theirs"))
            for name, command in (
                ("pandas", ["-m", PEER, str(path), str(theirs)]),
                ("predict", ["-m", "core", "predict", str(path), "--out", str(ours)]),
            ):
                cost = run([sys.executable, *command])
                print(
                    f"{name + ', ' + path.suffix[1:]:24} {n_rows / cost.seconds:9,.0f} "
                    f"{cost.seconds:8.1f} {cost.cpu_seconds:7.1f} {cost.peak_mb:8.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
