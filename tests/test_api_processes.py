"""The API as processes: real uvicorn, real artifacts, killed and replaced while it is asked."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from core.deployment.release import deploy, rollback
from core.domain.card import Card, GoldenRow
from core.features.encoder import RowEncoder
from core.registry import Registry
from core.store import labels, predictions
from core.store.database import Database
from tests.fakes import FEATURES, FakeRegistry, add_version

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60.0
ROW = {"features": {"codeQuality": 80, "testCoverage": 60}}


@pytest.fixture
def registry(home: Path) -> Registry:
    return Registry(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")


def _add_linear_version(db: Database, registry: Registry, offset: float) -> int:
    """A version that scores the mean of two features plus `offset`."""
    rows = [{FEATURES[0]: float(i), FEATURES[1]: float(i * 7 % 50)} for i in range(50)]
    targets = [(row[FEATURES[0]] + row[FEATURES[1]]) / 2 + offset for row in rows]
    pipeline = Pipeline([("encode", RowEncoder()), ("model", LinearRegression())])
    pipeline.fit(rows, targets)
    golden = GoldenRow(rows[3], None, float(pipeline.predict(rows[3:4])[0]))
    card = Card("baseline", FEATURES, 0.0, 100.0, 5.0, 4.0, (golden,), synthetic=False)
    artifact_hash = registry.save_artifact(pipeline, card)
    return add_version(db, FakeRegistry(), artifact_hash=artifact_hash).number


def _release(db: Database, registry: Registry, number: int) -> None:
    now = datetime.now(UTC)
    deploy(db, registry, number, reason="tests", by="ada", override=False, now=now)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _run_api(home: Path, n_workers: int = 1) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address and the process of an API that is ready; killed in the end."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "core.api:create", "--factory"),
        *("--port", str(port), "--workers", str(n_workers), "--log-level", "warning"),
    ]
    environ = {**os.environ, "PLUMBLINE_HOME": str(home)}
    process = subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until(lambda: _is_ready(url))
        yield url, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _wait_until(happened: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.02)


class Callers:
    """Threads that predict and send feedback until the API is gone, and remember what was
    acknowledged."""

    def __init__(self, url: str, n_threads: int) -> None:
        self.predicted: list[str] = []
        self.labelled: list[str] = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._call, args=(url,)) for _ in range(n_threads)]
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _call(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not self.stopping.is_set():
                try:
                    answer = client.post("/v1/predict", json=ROW)
                    prediction_id = answer.json()["prediction_id"]
                    self.predicted.append(prediction_id)
                    body = {"prediction_id": prediction_id, "actual": 70}
                    if client.post("/v1/feedback", json=body).status_code == 201:
                        self.labelled.append(prediction_id)
                except httpx.HTTPError:
                    return


def _check_kept(db: Database, callers: Callers) -> None:
    with db.read() as conn:
        logged = Counter(row.id for row in predictions.load_recent_predictions(conn, 1_000_000))
        assert all(logged[prediction_id] == 1 for prediction_id in callers.predicted)
        assert all(labels.find_label(conn, given) is not None for given in callers.labelled)


def test_a_deployment_and_a_rollback_are_followed_without_a_restart(
    db: Database, registry: Registry, home: Path
) -> None:
    first = _add_linear_version(db, registry, 0.0)
    second = _add_linear_version(db, registry, 10.0)
    with _run_api(home) as (url, _), httpx.Client(base_url=url, timeout=30) as client:

        def ask() -> tuple[str, str, float]:
            answer = client.post("/v1/predict", json=ROW).json()
            return answer["source"], answer["version"], round(answer["score"], 6)

        assert ask()[:2] == ("heuristic", "heuristic")
        _release(db, registry, first)
        _wait_until(lambda: ask() == ("model", f"v{first}", 70.0))
        _release(db, registry, second)
        _wait_until(lambda: ask() == ("model", f"v{second}", 80.0))
        rollback(db, registry, None, reason="worse", by="bob", now=datetime.now(UTC))
        _wait_until(lambda: ask() == ("model", f"v{first}", 70.0))


def test_nothing_acknowledged_is_lost_when_the_api_is_killed(
    db: Database, registry: Registry, home: Path
) -> None:
    _release(db, registry, _add_linear_version(db, registry, 0.0))
    with _run_api(home) as (url, process):
        callers = Callers(url, 8)
        _wait_until(lambda: len(callers.labelled) >= 200)
        os.killpg(process.pid, signal.SIGKILL)
        callers.join()
    assert len(callers.predicted) >= 200
    _check_kept(db, callers)
    with _run_api(home) as (url, _):
        assert httpx.post(f"{url}/v1/predict", json=ROW, timeout=30).json()["source"] == "model"


def test_a_stopped_api_finishes_what_it_was_asked(
    db: Database, registry: Registry, home: Path
) -> None:
    _release(db, registry, _add_linear_version(db, registry, 0.0))
    with _run_api(home) as (url, process):
        callers = Callers(url, 8)
        _wait_until(lambda: len(callers.predicted) >= 50)
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        callers.join()
    _check_kept(db, callers)


def test_two_workers_write_to_one_store(db: Database, registry: Registry, home: Path) -> None:
    _release(db, registry, _add_linear_version(db, registry, 0.0))
    with _run_api(home, n_workers=2) as (url, _):
        callers = Callers(url, 8)
        _wait_until(lambda: len(callers.labelled) >= 300)
        callers.join()
    _check_kept(db, callers)
