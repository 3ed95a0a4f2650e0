"""The API as processes: real uvicorn, real artifacts, killed and replaced while it is asked."""

import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from core.deployment.release import rehearse_rollback, rollback
from core.errors import Unavailable
from core.registry import Registry
from core.store.engine.database import Database
from tests.api_processes import (
    PATIENCE_SECONDS,
    ROW,
    Callers,
    add_linear_version,
    check_kept,
    find_workers,
    release,
    run_api,
    wait_until,
)
from tests.people import person

pytestmark = pytest.mark.slow


@pytest.fixture
def registry(home: Path) -> Registry:
    return Registry(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")


def test_a_deployment_and_a_rollback_are_followed_without_a_restart(
    db: Database, registry: Registry, home: Path
) -> None:
    first = add_linear_version(db, registry, 0.0)
    second = add_linear_version(db, registry, 10.0)
    with run_api(home) as (url, _), httpx.Client(base_url=url, timeout=30) as client:

        def ask() -> tuple[str, str, float]:
            answer = client.post("/v1/predict", json=ROW).json()
            return answer["source"], answer["version"], round(answer["score"], 6)

        assert ask()[:2] == ("heuristic", "heuristic")
        release(db, registry, first)
        wait_until(lambda: ask() == ("model", f"v{first}", 70.0))
        release(db, registry, second)
        wait_until(lambda: ask() == ("model", f"v{second}", 80.0))
        rollback(db, registry, None, reason="worse", by=person("bob"), now=datetime.now(UTC))
        wait_until(lambda: ask() == ("model", f"v{first}", 70.0))


def test_nothing_acknowledged_is_lost_when_the_api_is_killed(
    db: Database, registry: Registry, home: Path
) -> None:
    release(db, registry, add_linear_version(db, registry, 0.0))
    with run_api(home) as (url, process):
        callers = Callers(url, 8)
        wait_until(lambda: len(callers.labelled) >= 200)
        os.killpg(process.pid, signal.SIGKILL)
        callers.join()
    assert len(callers.predicted) >= 200
    check_kept(db, callers)
    with run_api(home) as (url, _):
        assert httpx.post(f"{url}/v1/predict", json=ROW, timeout=30).json()["source"] == "model"


def test_a_stopped_api_finishes_what_it_was_asked(
    db: Database, registry: Registry, home: Path
) -> None:
    release(db, registry, add_linear_version(db, registry, 0.0))
    with run_api(home) as (url, process):
        callers = Callers(url, 8)
        wait_until(lambda: len(callers.predicted) >= 50)
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        callers.join()
    check_kept(db, callers)


def test_two_workers_write_to_one_store(db: Database, registry: Registry, home: Path) -> None:
    release(db, registry, add_linear_version(db, registry, 0.0))
    with run_api(home, n_workers=2) as (url, _):
        callers = Callers(url, 8)
        wait_until(lambda: len(callers.labelled) >= 300)
        callers.join()
    check_kept(db, callers)


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


def test_a_rollback_is_effective_in_all_of_four_workers_within_a_second_under_load(
    db: Database, registry: Registry, home: Path
) -> None:
    """No request fails, and what is asked a second after it is answered by the version before."""
    first = add_linear_version(db, registry, 0.0)
    second = add_linear_version(db, registry, 10.0)
    release(db, registry, first)
    release(db, registry, second)
    with run_api(home, n_workers=4) as (url, process):
        workers = find_workers(process.pid)
        assert len(workers) == 4
        watchers = Watchers(url, 8)
        wait_until(lambda: len(watchers.seen) >= 2_000)
        before = {pid: _read_threads_cpu(pid) for pid in workers}
        assert {version for _, version in watchers.seen[-200:]} == {f"v{second}"}
        rollback(db, registry, None, reason="worse", by=person("bob"), now=datetime.now(UTC))
        switched_at = time.monotonic()
        wait_until(lambda: sum(asked > switched_at + 1 for asked, _ in watchers.seen) >= 1_000)
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
    release(db, away, first)
    release(db, away, second)
    assert rehearse_rollback(db, away, None, timer=time.perf_counter).target == first
    done = rollback(db, away, None, reason="worse", by=person("bob"), now=datetime.now(UTC))
    assert done.plan.champion == first
    with pytest.raises(Unavailable):
        away.mirror_alias(first)
