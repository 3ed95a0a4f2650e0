"""Real processes without a store, or without a moment of processor time, lose no work."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.domain.job import SCHEDULER, Job, JobStatus
from core.store.engine.database import Database, open_database
from core.store.jobs import jobs, schedule
from tests.conftest import NOON
from tests.postgres import run_postgres
from tests.time.worker import GO_ON

pytestmark = pytest.mark.slow

SCALE = float(os.environ.get("TIME_SCALE", "0.06"))  # 1 for the real times: 45 s each
AWAY_SECONDS = 45 * SCALE
PATIENCE_SECONDS = 60.0


class Workers:
    """A worker and a dashboard that share a store, and one job under way."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.db = home, open_database(url, home, "process", NOON)
        self.log = home / "log"
        environment = {**os.environ, "PLUMBLINE_HOME": str(home), "PLUMBLINE_DATABASE_URL": url}
        with self.log.open("ab") as log:
            self.processes = [
                subprocess.Popen(
                    [sys.executable, "-m", "tests.time.worker", role, str(SCALE)],
                    env=environment,
                    stdout=log,
                    stderr=log,
                )
                for role in ("worker", "dashboard")
            ]

    def start_job(self) -> Job:
        with self.db.write() as conn:
            job = jobs.append_job(conn, "train", {}, by="ada", reason="test", now=NOON)
        return self.wait_for(job, lambda now: now.n_heartbeats > 2)

    def wait_for(self, job: Job, holds: object) -> Job:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = read_job(self.db, job)
            if holds(found):  # type: ignore[operator]
                return found
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def all_pids(self, job: Job) -> list[int]:
        assert job.pid is not None
        return [*(process.pid for process in self.processes), job.pid]

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        self.db.close()


def read_job(db: Database, job: Job) -> Job:
    with db.read() as conn:
        return jobs.get_job(conn, job.id)


@contextmanager
def run_workers(home: Path, url: str = "") -> Iterator[Workers]:
    workers = Workers(home, url)
    try:
        yield workers
    finally:
        workers.stop()


def check_goes_on(workers: Workers, job: Job) -> None:
    """The job beats again, under the same process, and ends well when it may."""
    again = workers.wait_for(job, lambda now: now.n_heartbeats > job.n_heartbeats + 3)
    assert (again.status, again.pid) == (JobStatus.RUNNING, job.pid)
    (workers.home / GO_ON).touch()
    ended = workers.wait_for(job, lambda now: now.status is not JobStatus.RUNNING)
    assert (ended.status, ended.result, ended.error) == (JobStatus.DONE, {"version": "v3"}, None)


def find_holder(workers: Workers) -> str:
    with workers.db.read() as conn:
        lease = schedule.find_lease(conn, SCHEDULER)
    assert lease is not None
    return lease.holder


def test_a_server_that_is_stopped_and_started_loses_no_work(home: Path) -> None:
    with (
        run_postgres() as server,
        server.database() as url,
        run_workers(home, url) as workers,
    ):
        job = workers.start_job()
        holder = find_holder(workers)
        with server.away():
            time.sleep(AWAY_SECONDS)
        check_goes_on(workers, job)
        assert find_holder(workers) == holder


def test_a_file_that_somebody_holds_locked_loses_no_work(home: Path) -> None:
    with run_workers(home) as workers:
        job = workers.start_job()
        holder = find_holder(workers)
        other = sqlite3.connect(home / "plumbline.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(AWAY_SECONDS)
        other.execute("COMMIT")
        other.close()
        check_goes_on(workers, job)
        assert find_holder(workers) == holder


def test_a_machine_that_is_suspended_loses_no_work(home: Path) -> None:
    with run_workers(home) as workers:
        job = workers.start_job()
        holder = find_holder(workers)
        freeze(workers.all_pids(job))
        check_goes_on(workers, job)
        assert find_holder(workers) == holder


def test_a_worker_that_is_suspended_alone_hands_over_and_its_job_goes_on(home: Path) -> None:
    with run_workers(home) as workers:
        job = workers.start_job()
        holder = find_holder(workers)
        [suspended] = [p.pid for p in workers.processes if f":{p.pid}:" in holder]
        freeze([suspended])
        assert find_holder(workers) != holder
        check_goes_on(workers, job)


def test_a_job_that_is_suspended_alone_is_lost_and_then_found(home: Path) -> None:
    with run_workers(home) as workers:
        job = workers.start_job()
        assert job.pid is not None
        freeze([job.pid])
        check_goes_on(workers, job)


def freeze(pids: list[int]) -> None:
    """Suspend processes for longer than any lease lasts."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(AWAY_SECONDS)
    for pid in reversed(pids):  # the dashboard and the job before the holder of the lease
        os.kill(pid, signal.SIGCONT)
