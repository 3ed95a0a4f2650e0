"""The API as processes: started as `up` starts it, or from a process that has imported everything,
so that a killed worker is replaced in a fraction of a second; and callers who remember what was
acknowledged.

Run as `python -m tests.api_processes PORT N` it is the latter: N forked workers on one port, each
replaced when it ends."""

import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import sqlalchemy as sa
import uvicorn
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from core.api import create
from core.deployment.release import deploy
from core.domain.model_card import Card, GoldenRow
from core.features.encoder import RowEncoder
from core.registry import Registry
from core.store.engine import schema
from core.store.engine.database import Database
from core.web.protocol import GatheringProtocol
from tests.fakes import FEATURES, FakeRegistry, add_version
from tests.people import person

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60.0
BATCH_ROWS = 500
ROW = {"features": {"codeQuality": 80, "testCoverage": 60}}


def add_linear_version(db: Database, registry: Registry, offset: float) -> int:
    """A version that scores the mean of two features plus `offset`."""
    rows = [{FEATURES[0]: float(i), FEATURES[1]: float(i * 7 % 50)} for i in range(50)]
    targets = [(row[FEATURES[0]] + row[FEATURES[1]]) / 2 + offset for row in rows]
    pipeline = Pipeline([("encode", RowEncoder()), ("model", LinearRegression())])
    pipeline.fit(rows, targets)
    golden = GoldenRow(rows[3], None, float(pipeline.predict(rows[3:4])[0]))
    card = Card("baseline", FEATURES, 0.0, 100.0, 5.0, 4.0, (golden,), synthetic=False)
    artifact_hash = registry.save_artifact(pipeline, card)
    return add_version(db, FakeRegistry(), artifact_hash=artifact_hash).number


def release(db: Database, registry: Registry, number: int) -> None:
    """Let a version serve."""
    now = datetime.now(UTC)
    deploy(db, registry, number, reason="tests", by=person("ada"), override=False, now=now)


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_api(
    home: Path,
    n_workers: int = 1,
    *,
    port: int | None = None,
    before: Sequence[str] = (),
    forked: bool = False,
    as_verb: bool = False,
    **variables: str,
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address and the process of an API that is ready; killed in the end. `before` is a
    program that runs it, `forked` says whether workers are forked, `as_verb` whether it is started
    as a person does, `variables` go into its environment."""
    port = port or free_port()
    options = ["--port", str(port), "--workers", str(n_workers), "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", "core.api:create", "--factory", *options]
    command += ["--http", "core.web.protocol:GatheringProtocol"]
    if forked:
        command = [sys.executable, "-m", "tests.api_processes", str(port), str(n_workers)]
    if as_verb:
        command = [sys.executable, "-m", "core", "api"]
        variables |= {"PLUMBLINE_API_PORT": str(port), "PLUMBLINE_API_WORKERS": str(n_workers)}
    environ = {**os.environ, "PLUMBLINE_HOME": str(home), **variables}
    process = subprocess.Popen([*before, *command], cwd=ROOT, env=environ, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_ready(url))
        yield url, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_ready(url: str) -> bool:
    """Whether the API answers and can serve. Plainly asked: httpx reads every certificate first,
    which costs the processor that the API starts on half of its time."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_until(happened: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again, and fail when it takes too long."""
    ends_at = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.02)


def find_workers(pid: int) -> list[int]:
    """The processes that answer: the children of the one that was started, but for its tracker."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if _answers(child)]


def _answers(pid: str) -> bool:
    try:
        return b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


class Callers:
    """Threads that predict and send feedback, and remember what was acknowledged. They end when the
    API is gone or, `persistent`, only when they are stopped: then they send the feedback to an
    acknowledged prediction until it is acknowledged too."""

    def __init__(self, url: str, n_threads: int, *, persistent: bool = False) -> None:
        self.predicted: list[str] = []
        self.labelled: list[str] = []
        self.stopping = threading.Event()
        self._persistent = persistent
        self.threads = [threading.Thread(target=self._call, args=(url,)) for _ in range(n_threads)]
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        """Let them finish."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _call(self, url: str) -> None:
        unlabelled: str | None = None
        with httpx.Client(base_url=url, timeout=30) as client:
            while not self.stopping.is_set():
                try:
                    if unlabelled is None:
                        answer = client.post("/v1/predict", json=ROW)
                        unlabelled = answer.json()["prediction_id"]
                        self.predicted.append(unlabelled)
                    body = {"prediction_id": unlabelled, "actual": 70}
                    if client.post("/v1/feedback", json=body).status_code in (200, 201):
                        self.labelled.append(unlabelled)
                    unlabelled = None
                except httpx.HTTPError:
                    if not self._persistent:
                        return


class BatchCallers(Callers):
    """The same with batches, and without feedback; they end when they are stopped."""

    def _call(self, url: str) -> None:
        body = {"rows": [ROW] * BATCH_ROWS}
        with httpx.Client(base_url=url, timeout=30) as client:
            while not self.stopping.is_set():
                try:
                    answer = client.post("/v1/predict/batch", json=body)
                except httpx.HTTPError:
                    continue
                if answer.status_code == 200:
                    self.predicted += [row["prediction_id"] for row in answer.json()["predictions"]]


class RankCallers(Callers):
    """The same with groups of three candidates, asked again under their name until they are
    answered, and without feedback; they end when they are stopped and their last group is
    decided."""

    def __init__(self, url: str, n_threads: int) -> None:
        self.decided: dict[str, str] = {}  # the decision of each group
        super().__init__(url, n_threads, persistent=True)

    def _call(self, url: str) -> None:
        group_id: str | None = None
        with httpx.Client(base_url=url, timeout=30) as client:
            while group_id is not None or not self.stopping.is_set():
                group_id = group_id or uuid.uuid4().hex
                try:
                    body = {"candidates": [ROW] * 3, "group_id": group_id}
                    answer = client.post("/v1/rank", json=body)
                except httpx.HTTPError:
                    continue
                if answer.status_code == 200:
                    found = answer.json()
                    self.decided[group_id] = found["decision_id"]
                    self.predicted += [one["prediction_id"] for one in found["candidates"]]
                    group_id = None


def check_decided(db: Database, callers: RankCallers) -> None:
    """Every group that was acknowledged has the decision that its caller was told, once, with its
    three candidates; and no group was decided that nobody knows."""
    check_kept(db, callers)
    with db.read() as conn:
        rows = conn.execute(sa.select(schema.decisions.c.group_id, schema.decisions.c.id)).all()
    assert len(rows) == len(callers.decided)
    assert {row.group_id: row.id for row in rows} == callers.decided
    candidates = _count(db, schema.predictions.c.decision_id)
    assert candidates == dict.fromkeys(callers.decided.values(), 3)


def check_kept(db: Database, callers: Callers) -> None:
    """Everything that was acknowledged is in the store, once."""
    logged = _count(db, schema.predictions.c.id)
    labelled = _count(db, schema.labels.c.prediction_id)
    assert [given for given in callers.predicted if logged.get(given) != 1] == []
    assert [given for given in callers.labelled if labelled.get(given) != 1] == []
    assert set(logged.values()) | set(labelled.values()) <= {1}


def _count(db: Database, column: "sa.Column[str]") -> dict[str, int]:
    with db.read() as conn:
        query = sa.select(column, sa.func.count()).group_by(column)
        return {row[0]: row[1] for row in conn.execute(query)}


def main() -> None:
    """Workers on one port, forked when everything is imported, each replaced when it ends."""
    port, n_workers = int(sys.argv[1]), int(sys.argv[2])
    for name in ("skops.io", "xgboost", "onnxruntime"):
        importlib.import_module(name)
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    for _ in range(n_workers):
        _fork(listener)
    while True:
        os.wait()
        _fork(listener)


def _fork(listener: socket.socket) -> None:
    if os.fork() == 0:
        uvicorn.Server(
            uvicorn.Config(create, factory=True, log_level="warning", http=GatheringProtocol)
        ).run([listener])
        os._exit(0)


if __name__ == "__main__":
    main()
