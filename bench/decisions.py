"""Requests a second of `/v1/rank` with four candidates, each decision with its predictions on disk,
beside `/v1/predict/batch` of the same four rows.

Run as `python -m bench.decisions` (wrk has to be on the path). One worker, 32 connections, 100
trees; the bodies differ from request to request. A figure is the median of three runs, which take
turns; the ratio is that of the requests a second."""

import json
import statistics
import sys

from bench.peers.model import make_rows, write_script
from bench.serving import DATA, HOME, Figure, Server, load, prepare_model, run

CONNECTIONS, N_CANDIDATES, N_BODIES = 32, 4, 1_000
ROUNDS = 3
PORT_OPTIONS = ("--port", "8769", "--log-level", "error", "--no-access-log")


def write_bodies() -> None:
    """Write the same rows as bodies of both routes."""
    rows = make_rows(N_BODIES * N_CANDIDATES, 30)
    fours = [rows[i : i + N_CANDIDATES] for i in range(0, len(rows), N_CANDIDATES)]
    for kind, name in (("rank", "candidates"), ("batch-of-4", "rows")):
        bodies = [json.dumps({name: [{"features": row} for row in four]}) for four in fours]
        write_script(DATA, kind, [body.encode() for body in bodies])


def list_routes() -> list[Server]:
    """The server with each of the two routes."""
    command = [sys.executable, "-m", "uvicorn", *PORT_OPTIONS, "--factory", "core.api:create"]
    command += ["--http", "core.web.protocol:GatheringProtocol"]
    home = {HOME: str(DATA / "home")}
    return [
        Server("rank of 4", command, "/v1/rank", "rank", home, (CONNECTIONS,)),
        Server("batch of 4", command, "/v1/predict/batch", "batch-of-4", home, (CONNECTIONS,)),
    ]


def main() -> None:
    """Measure and print."""
    prepare_model()
    write_bodies()
    found: dict[str, list[Figure]] = {}
    for _ in range(ROUNDS):
        for server in list_routes():
            with run(server):
                found.setdefault(server.name, []).append(load(server, CONNECTIONS))
    medians = {
        name: statistics.median(one.per_second for one in figures)
        for name, figures in found.items()
    }
    for name, figures in found.items():
        p50 = statistics.median(one.p50_ms for one in figures)
        p99 = statistics.median(one.p99_ms for one in figures)
        print(f"{name:12} {medians[name]:8,.0f} requests/s  p50 {p50:.1f} ms  p99 {p99:.1f} ms")
    rank, batch = medians.values()
    print(f"rank x batch {rank / batch:8.2f}")


if __name__ == "__main__":
    main()
