"""Minutes at 80 % of what the API can do: memory and p99 by the minute, which shall both be flat.

Run as `python -m bench.soak [--minutes 10]`, with wrk on the path; too long for `make bench`. The
load is held by pauses between requests, some of wrk's connections asking whenever they are due."""

import argparse
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.load import Load, run_wrk
from bench.serving import DATA, list_servers, prepare_all, run

CONNECTIONS, SHARE = 64, 0.8
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
    first, last = lines[0], lines[-1]
    n_failed = sum(load.n_failed for load, _ in lines)
    print(
        f"from the first minute to the last: {last[1] - first[1]:+.0f} MB, p99 "
        f"{last[0].p99_ms - first[0].p99_ms:+.1f} ms; {n_failed} requests failed"
    )


if __name__ == "__main__":
    main()
