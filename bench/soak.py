"""Minutes at 80 % of what the API can do: memory and p99 by the minute, which shall both be flat.

Run as `python -m bench.soak [--minutes 10]`, with wrk on the path; too long for `make bench`. The
load is held by pauses between requests, some of wrk's connections asking whenever they are due."""

import argparse
import os
import shutil
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.load import Load, run_wrk
from bench.serving import DATA, list_servers, prepare_all, run

CONNECTIONS, SHARE = 64, 0.8
LEAST, GROWTH = 3, 0.02  # minutes to tell by; what memory may grow
PAUSE = """
function delay()
  return math.random(0, {twice})
end
"""


def write_script(folder: Path, per_second: float, latency_ms: float) -> Path:
    """The script of single rows with pauses, for a load of about so many requests a second."""
    pause_ms = max(1000 * CONNECTIONS / per_second - latency_ms, 0.0)
    script = folder / "soak.lua"
    plain = (DATA / "plumbline.lua").read_text()
    script.write_text(plain + PAUSE.format(twice=round(2 * pause_ms)))
    return script


def read_memory(pid: int) -> float:
    """The resident memory of a process, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def judge(memory: list[float], p99s: list[float]) -> str:
    """Whether memory in MB and p99 in ms, each by the minute, are flat. The first minute, in which
    caches fill, is left out; memory is flat where a straight line through the others rises by less
    than 2 % of their mean over all of them, and p99 where no minute is above twice the median.

    >>> judge([300, 350, 351, 350], [9.0, 8.0, 7.0, 8.5])
    'from the second minute on: memory is flat (+0 MB), p99 is flat (7.0 to 8.5 ms)'
    """
    memory, p99s = memory[1:], p99s[1:]
    if len(memory) < LEAST:
        return f"too short to tell: {LEAST + 1} minutes at least"
    rise = statistics.linear_regression(range(len(memory)), memory).slope * (len(memory) - 1)
    is_flat = rise < GROWTH * statistics.fmean(memory)
    is_even = max(p99s) <= 2 * statistics.median(p99s)
    return (
        f"from the second minute on: memory is {'flat' if is_flat else 'NOT flat'} ({rise:+.0f} MB)"
        f", p99 is {'flat' if is_even else 'NOT flat'} ({min(p99s):.1f} to {max(p99s):.1f} ms)"
    )


def main() -> None:
    """Find the most, then hold 80 % of it, and print a line a minute."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=10)
    n_minutes = parser.parse_args().minutes
    prepare_all()
    [ours] = [server for server in list_servers() if server.name == "Plumbline, process"]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"  # millions of rows are nothing for the bench's own store
        shutil.copytree(DATA / "home", home)
        server = replace(ours, environment={**os.environ, "PLUMBLINE_HOME": str(home)})
        with run(server) as process:
            run_wrk(32, 5)
            most = run_wrk(32, 15)
            print(f"most: {most.per_second:.0f} requests/s, p99 {most.p99_ms:.1f} ms")
            wanted = SHARE * most.per_second
            script = write_script(Path(folder), wanted, most.p50_ms)
            print(f"{'minute':>6} {'req/s':>8} {'of most':>8} {'p50':>6} {'p99 ms':>7} {'MB':>6}")
            lines: list[tuple[Load, float]] = []
            for minute in range(1, n_minutes + 1):
                load = run_wrk(CONNECTIONS, 60, script)
                lines.append((load, read_memory(process.pid)))
                print(
                    f"{minute:6} {load.per_second:8.0f} {load.per_second / most.per_second:8.0%} "
                    f"{load.p50_ms:6.1f} {load.p99_ms:7.1f} {lines[-1][1]:6.0f}",
                    flush=True,
                )
    print(judge([memory for _, memory in lines], [load.p99_ms for load, _ in lines]))
    print(f"{sum(load.n_failed for load, _ in lines)} requests failed")


if __name__ == "__main__":
    main()
