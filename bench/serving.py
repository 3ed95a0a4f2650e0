"""Rows a second of the prediction API with every prediction on disk, beside other servers.

Run as `python -m bench.serving` (wrk has to be on the path; BentoML's environment is made once in
`var/bench`). Every server has one worker, unless its name says two, and the same 100 trees; wrk
sends rows that differ, one a request, and then a thousand a request over two connections. What our
server then holds as batches is moved to the log after each run, at the rate that is said last. A
figure is the median of three runs, and `x mlflow` its ratio to MLflow's in the same minutes;
likewise `x bento`, and `x bare`, to the route that does nothing."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers.environment import make_environment
from bench.peers.model import BATCH, JSON, body_path
from bench.peers.model import main as prepare
from core.bootstrap import build_app
from core.store.predictions import predictions

ROUNDS, SECONDS, PORT = 3, 2, 8769
BATCH_SECONDS = 1  # so that what waits stays below the million rows that may
SINGLY, IN_BATCHES = (1, 8, 32), (2,)  # connections
ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "var" / "bench"
DATA = FOLDER / "model"
BENTO = FOLDER / "bento"
MLFLOW, MLFLOW_BATCH = "mlflow models serve", "mlflow, by 1,000"
BENTOML, BARE = "BentoML", "bare Starlette route"
PEERS = {"x mlflow": (MLFLOW, MLFLOW_BATCH), "x bento": (BENTOML,), "x bare": (BARE,)}
"""What figures are compared with; MLflow answers rows one by one and in batches."""


@dataclass(frozen=True)
class Server:
    """How a server is started, where it answers, and the script that asks it."""

    name: str
    command: list[str]
    path: str
    script: str
    environment: Mapping[str, str] = field(default_factory=dict)
    connections: Sequence[int] = SINGLY
    n_rows: int = 1  # a request


@dataclass(frozen=True)
class Figure:
    """Medians of the rounds, of rows and of requests."""

    per_second: float
    p50_ms: float
    p99_ms: float
    moved_per_second: float | None = None  # rows of batches, to the log


def list_servers() -> list[Server]:
    """Ours with both durabilities and with one row again and again, then the others."""
    uvicorn = [sys.executable, "-m", "uvicorn", "--port", str(PORT), "--log-level", "error"]
    uvicorn.append("--no-access-log")
    ours = [*uvicorn, "--factory", "core.api:create"]
    ours += ["--http", "core.web.protocol:GatheringProtocol"]  # as `make run` starts it
    two = [*ours, "--workers", "2"]
    home = {HOME: str(DATA / "home")}
    mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(DATA / "mlflow")]
    mlflow += ["--env-manager", "local", "--port", str(PORT), "--workers", "1"]
    bento = [str(BENTO / "bin" / "bentoml"), "serve", "bento_service:Trees", "--port", str(PORT)]
    return [
        Server(MLFLOW, mlflow, "/invocations", "mlflow"),
        Server(
            BENTOML,
            [*bento, "--working-dir", str(ROOT / "bench" / "peers")],
            "/predict",
            "bento",
            {"BENCH_MODEL": str(DATA / "model.ubj"), "BENTOML_DO_NOT_TRACK": "1"},
        ),
        Server(BARE, [*uvicorn, "bench.peers.bare:app"], PATH, "plumbline"),
        Server("Plumbline, process", ours, PATH, "plumbline", home),
        Server("Plumbline, power", ours, PATH, "plumbline", home | {"PLUMBLINE_DURABILITY": POWER}),
        Server("Plumbline, process, one row", ours, PATH, "same", home),
        batch(MLFLOW_BATCH, mlflow, "/invocations", "mlflow-batch", {}),
        batch("Plumbline, JSON by 1,000", ours, f"{PATH}/batch", "batch", home),
        Server("Plumbline, two workers", two, PATH, "plumbline", home),
        batch("Plumbline, two, JSON by 1,000", two, f"{PATH}/batch", "batch", home),
    ]


def batch(
    name: str, command: list[str], path: str, script: str, environment: Mapping[str, str]
) -> Server:
    """A server that is asked for a thousand rows a request."""
    return Server(name, command, path, script, environment, IN_BATCHES, BATCH)


PATH, POWER, HOME = "/v1/predict", "power", "PLUMBLINE_HOME"


@contextmanager
def run(server: Server) -> Iterator["subprocess.Popen[bytes]"]:
    """The server's process, answering; ended with the processes that it started."""
    environment = {**os.environ, **server.environment, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    process = subprocess.Popen(
        server.command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_it_answers(server, process)
        yield process
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def wait_until_it_answers(server: Server, process: "subprocess.Popen[bytes]") -> None:
    """Ask with the first body until a model has answered ten times in a row, so that each worker
    has one."""
    body = body_path(DATA, server.script, 0).read_bytes()
    url = f"http://127.0.0.1:{PORT}{server.path}"
    deadline = time.monotonic() + 90
    n_answers = 0
    while time.monotonic() < deadline and process.poll() is None:
        request = urllib.request.Request(url, body, {"Content-Type": JSON})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                n_answers = 0 if b"heuristic" in answer.read() else n_answers + 1
        except (urllib.error.URLError, OSError):
            n_answers = 0
        if n_answers == 10:
            return
        time.sleep(0.1 if n_answers else 0.3)
    raise SystemExit(f"{server.name} does not answer")


def load(server: Server, connections: int) -> Figure:
    """Medians of the rounds at so many connections."""
    url = f"http://127.0.0.1:{PORT}{server.path}"
    seconds = SECONDS if server.n_rows == 1 else BATCH_SECONDS
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "20"]
    command += ["-s", str(DATA / f"{server.script}.lua"), url]
    rounds = []
    for _ in range(ROUNDS):
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = json.loads(text.partition("RESULT ")[2])
        if found["bad"]:
            raise SystemExit(f"{server.name}: {found['bad']} requests failed")
        rounds.append(
            Figure(
                server.n_rows * found["n"] / found["us"] * 1e6,
                found["p50"] / 1e3,
                found["p99"] / 1e3,
                move_batches(server),
            )
        )
    moved = [r.moved_per_second for r in rounds if r.moved_per_second is not None]
    return Figure(
        statistics.median(r.per_second for r in rounds),
        statistics.median(r.p50_ms for r in rounds),
        statistics.median(r.p99_ms for r in rounds),
        statistics.median(moved) if moved else None,
    )


def move_batches(server: Server) -> float | None:
    """Move the batches that wait in a server's store to the log, as the worker does: rows a second;
    None where there are none."""
    if HOME not in server.environment:
        return None
    with closing(build_app({HOME: server.environment[HOME]})) as app:
        started = time.perf_counter()
        n_rows = predictions.move_batches(app.db)
        return n_rows / (time.perf_counter() - started) if n_rows else None


def prepare_model() -> None:
    """The model that all serve, and the bodies, once."""
    if not (DATA / "batch.lua").exists():  # what is written last
        shutil.rmtree(DATA, ignore_errors=True)
        prepare(DATA)


def prepare_all() -> None:
    """The model and BentoML's environment, each once."""
    prepare_model()
    override = FOLDER / "override.txt"
    override.write_text("nvidia-nccl-cu12; sys_platform == 'never'\n")
    libraries = ("bentoml", "xgboost==3.2.0", "numpy")
    make_environment(BENTO, "--override", str(override), *libraries)


def show_ratio(
    figure: Figure,
    found: Mapping[tuple[str, int], float],
    peers: Sequence[str],
    connections: int,
) -> str:
    """The rows a second beside a peer's at as many connections; a dash before it was measured, or
    where it never is."""
    rates = [found[peer, connections] for peer in peers if (peer, connections) in found]
    return f"{figure.per_second / rates[0]:.2f}" if rates else "-"


def main() -> None:
    """Measure one server after another, and print one table."""
    shutil.rmtree(DATA, ignore_errors=True)  # a store that other runs filled is slower
    prepare_all()
    print(
        f"{'server':30} {'connections':>11} {'rows/s':>8} {'p50 ms':>8} {'p99 ms':>8}"
        + "".join(f"{name:>10}" for name in PEERS)
    )
    found: dict[tuple[str, int], float] = {}  # rows a second by server and connections
    for server in list_servers():
        with run(server):
            for connections in server.connections:
                figure = load(server, connections)
                found[server.name, connections] = figure.per_second
                print(
                    f"{server.name:30} {connections:11} {figure.per_second:8.0f} "
                    f"{figure.p50_ms:8.1f} {figure.p99_ms:8.1f}"
                    + "".join(
                        f"{show_ratio(figure, found, peer, connections):>10}"
                        for peer in PEERS.values()
                    ),
                    flush=True,
                )
                if figure.moved_per_second is not None:
                    print(f"  moved to the log afterwards: {figure.moved_per_second:,.0f} rows/s")


if __name__ == "__main__":
    main()
