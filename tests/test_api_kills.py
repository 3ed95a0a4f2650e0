"""Nothing that was acknowledged is lost or doubled, whatever is killed and whenever; and with the
durability `power` it is on the disk before the answer."""

import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from core.registry import Registry
from core.store.engine.database import Database
from core.store.predictions.predictions import move_batches
from tests.api_processes import (
    ROW,
    BatchCallers,
    Callers,
    RankCallers,
    add_linear_version,
    check_decided,
    check_kept,
    find_workers,
    release,
    run_api,
    wait_until,
)

pytestmark = pytest.mark.slow

N_KILLS, N_WORKERS = 50, 2
SYNCED = re.compile(r"f(data)?sync(\(\d+<[^>]*-wal>\)| resumed>.*\)) += 0")


@pytest.fixture
def registry(db: Database, home: Path) -> Registry:
    """A registry whose one version serves."""
    registry = Registry(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")
    release(db, registry, add_linear_version(db, registry, 0.0))
    return registry


@pytest.mark.usefixtures("registry")
def test_nothing_acknowledged_is_lost_or_doubled_in_fifty_kills(db: Database, home: Path) -> None:
    """Fifty times at a random moment under load, one worker of two or both."""
    draw = random.Random(20260302)
    n_all = 0
    with run_api(home, N_WORKERS, forked=True) as (url, process):
        callers = Callers(url, 4, persistent=True)
        for _ in range(N_KILLS):
            n_before = len(callers.labelled)
            wait_until(lambda n=n_before: len(callers.labelled) >= n + 10)  # type: ignore[misc]
            time.sleep(draw.uniform(0.0, 0.2))  # a moment that is nowhere in particular
            workers = find_workers(process.pid)
            killed = workers if draw.random() < 0.5 else [draw.choice(workers)]
            n_all += len(killed) >= N_WORKERS
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(find_workers(process.pid)) == N_WORKERS)
        callers.join()
    assert n_all >= N_KILLS // 4
    assert len(callers.labelled) >= 10 * N_KILLS
    check_kept(db, callers)
    with db.read() as conn:
        assert conn.execute(sa.text("PRAGMA integrity_check")).scalar_one() == "ok"


@pytest.mark.usefixtures("registry")
def test_killed_workers_are_replaced_as_they_are_started_in_production(
    db: Database, home: Path
) -> None:
    """The same with uvicorn's own supervisor: one worker, then both."""
    with run_api(home, 2) as (url, process):
        callers = Callers(url, 4, persistent=True)
        for n_killed in (1, 2):
            n_before = len(callers.labelled)
            wait_until(lambda n=n_before: len(callers.labelled) >= n + 50)  # type: ignore[misc]
            workers = find_workers(process.pid)[:n_killed]
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda gone=workers: not set(gone) & set(find_workers(process.pid)))  # type: ignore[misc]
            wait_until(lambda: len(find_workers(process.pid)) == 2)
        callers.join()
    check_kept(db, callers)


@pytest.mark.usefixtures("registry")
def test_every_row_of_an_acknowledged_batch_is_kept_once_in_ten_kills(
    db: Database, home: Path
) -> None:
    """Workers are killed under a load of batches, while what waits is moved to the log."""
    draw = random.Random(20260303)
    with run_api(home, N_WORKERS, forked=True) as (url, process):
        callers = BatchCallers(url, 2)
        for _ in range(10):
            n_before = len(callers.predicted)
            wait_until(lambda n=n_before: len(callers.predicted) >= n + 2_000)  # type: ignore[misc]
            move_batches(db)
            time.sleep(draw.uniform(0.0, 0.05))
            os.kill(draw.choice(find_workers(process.pid)), signal.SIGKILL)
        callers.join()
    n_drained = move_batches(db)
    assert n_drained > 0
    check_kept(db, callers)


@pytest.mark.usefixtures("registry")
def test_a_group_is_decided_once_with_its_candidates_in_fifty_kills(
    db: Database, home: Path
) -> None:
    """Workers are killed while they rank; a group that was not answered is asked again."""
    draw = random.Random(20260304)
    with run_api(home, N_WORKERS, forked=True) as (url, process):
        callers = RankCallers(url, 4)
        for _ in range(N_KILLS):
            n_before = len(callers.decided)
            wait_until(lambda n=n_before: len(callers.decided) >= n + 10)  # type: ignore[misc]
            time.sleep(draw.uniform(0.0, 0.1))
            os.kill(draw.choice(find_workers(process.pid)), signal.SIGKILL)
        wait_until(lambda: len(find_workers(process.pid)) == N_WORKERS)
        callers.join()
    assert len(callers.decided) >= 10 * N_KILLS
    check_decided(db, callers)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (apt-get install strace)")
@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(("durability", "n_synced"), [("power", 20), ("process", 0)])
def test_with_durability_power_an_answer_waits_for_the_disk(
    home: Path, tmp_path: Path, durability: str, n_synced: int
) -> None:
    """Traced: between the request and its answer the log's file was synced, each time; with
    durability `process` it never waits for that."""
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,sendto,write,writev"
    before = ("strace", "-f", "--seccomp-bpf", "-y", "-s", "40", "-e", calls, "-o", str(trace))
    with (
        run_api(home, before=before, PLUMBLINE_DURABILITY=durability) as (url, _),
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        for _ in range(10):
            prediction_id = client.post("/v1/predict", json=ROW).json()["prediction_id"]
            body = {"prediction_id": prediction_id, "actual": 70}
            assert client.post("/v1/feedback", json=body).status_code == 201
        wait_until(lambda: trace.read_text().count("HTTP/1.1 201") == 10)
    assert count_synced_answers(trace.read_text()) == (20, n_synced)


def count_synced_answers(trace: str) -> tuple[int, int]:
    """Of the last 20 answers, each to the one request then under way, how many there were, and
    before how many the write-ahead log was synced since the answer before."""
    synced, found = False, []
    for line in trace.splitlines():
        if SYNCED.search(line):
            synced = True
        elif '"HTTP/1.1 20' in line:
            found.append(synced)
            synced = False
    return len(found[-20:]), sum(found[-20:])
