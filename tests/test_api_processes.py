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

from core.deployment.release import deploy, rehearse_rollback, rollback
from core.domain.card import Card, GoldenRow
from core.errors import Unavailable
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
    first = add_linear_version(db, registry, 0.0)
    second = add_linear_version(db, registry, 10.0)
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
    _release(db, registry, add_linear_version(db, registry, 0.0))
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
    _release(db, registry, add_linear_version(db, registry, 0.0))
    with _run_api(home) as (url, process):
        callers = Callers(url, 8)
        _wait_until(lambda: len(callers.predicted) >= 50)
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        callers.join()
    _check_kept(db, callers)


def test_two_workers_write_to_one_store(db: Database, registry: Registry, home: Path) -> None:
    _release(db, registry, add_linear_version(db, registry, 0.0))
    with _run_api(home, n_workers=2) as (url, _):
        callers = Callers(url, 8)
        _wait_until(lambda: len(callers.labelled) >= 300)
        callers.join()
    _check_kept(db, callers)


class Watchers:
    """Threads that predict without a pause and remember, of each answer, when it was asked for,
    what it said and whether it failed."""

    def __init__(self, url: str, n_threads: int) -> None:
        self.seen: list[tuple[float, str]] = []
        self.failed: list[str] = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._call, args=(url,)) for _ in range(n_threads)]
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _call(self, url: str) -> None:
        """A new connection for every few requests, so that each worker gets some."""
        while not self.stopping.is_set():
            with httpx.Client(base_url=url, timeout=30) as client:
                for _ in range(5):
                    asked_at = time.monotonic()
                    try:
                        answer = client.post("/v1/predict", json=ROW)
                    except httpx.HTTPError as error:
                        self.failed.append(repr(error))
                        continue
                    said = answer.json()
                    if answer.status_code != 200 or said["source"] != "model":
                        self.failed.append(answer.text)
                    else:
                        self.seen.append((asked_at, said["version"]))


def _read_threads_cpu(pid: int) -> int:
    """The processor time that a process has used, in ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _find_workers(pid: int) -> list[int]:
    """The processes that answer: the children of the one that was started, but for its tracker."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [int(child) for child in children]
    return [
        child
        for child in found
        if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def test_a_rollback_is_effective_in_all_of_four_workers_within_a_second_under_load(
    db: Database, registry: Registry, home: Path
) -> None:
    """No request fails, and what is asked a second after it is answered by the version before."""
    first = add_linear_version(db, registry, 0.0)
    second = add_linear_version(db, registry, 10.0)
    _release(db, registry, first)
    _release(db, registry, second)
    with _run_api(home, n_workers=4) as (url, process):
        workers = _find_workers(process.pid)
        assert len(workers) == 4
        watchers = Watchers(url, 8)
        _wait_until(lambda: len(watchers.seen) >= 2_000)
        before = {pid: _read_threads_cpu(pid) for pid in workers}
        assert {version for _, version in watchers.seen[-200:]} == {f"v{second}"}
        rollback(db, registry, None, reason="worse", by="bob", now=datetime.now(UTC))
        switched_at = time.monotonic()
        _wait_until(lambda: sum(asked > switched_at + 1 for asked, _ in watchers.seen) >= 1_000)
        watchers.join()
        assert all(_read_threads_cpu(pid) > before[pid] for pid in workers)
    assert watchers.failed == []
    late = [asked - switched_at for asked, version in watchers.seen if version == f"v{second}"]
    assert max(late) <= 1.0, max(late)
    after = {version for asked, version in watchers.seen if asked > switched_at + 1}
    assert after == {f"v{first}"}


def test_a_rollback_works_while_mlflow_is_down(db: Database, registry: Registry) -> None:
    """Artifacts lie in the home folder, whatever the tracking server does."""
    first = add_linear_version(db, registry, 0.0)
    second = add_linear_version(db, registry, 10.0)
    away = Registry(registry.artifacts, "http://127.0.0.1:9")
    _release(db, away, first)
    _release(db, away, second)
    assert rehearse_rollback(db, away, None, timer=time.perf_counter).target == first
    done = rollback(db, away, None, reason="worse", by="bob", now=datetime.now(UTC))
    assert done.plan.champion == first
    with pytest.raises(Unavailable):
        away.mirror_alias(first)
