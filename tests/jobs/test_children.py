"""Child processes: one for each job, found when they die, ended when somebody asks."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from core.domain.job import Job, JobStatus
from core.jobs import children
from core.jobs.children import CANCEL_GRACE, Children
from core.jobs.runner import DEAD_AFTER
from core.store.engine.database import Database
from core.store.jobs import jobs
from tests.conftest import NOON

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def ask(db: Database) -> Job:
    with db.write() as conn:
        return jobs.append_job(conn, "train", {}, by="ada", reason="test", now=NOON)


def get(db: Database, job: Job) -> Job:
    with db.read() as conn:
        return jobs.get_job(conn, job.id)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that were started; each sleeps in place of its work."""
    processes: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(command: list[str], **_: object) -> subprocess.Popen[bytes]:
        processes.append(popen(SLEEP))
        return processes[-1]

    monkeypatch.setattr(children.subprocess, "Popen", start)
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_a_waiting_job_gets_a_process_of_its_own(
    db: Database, started: list[subprocess.Popen[bytes]]
) -> None:
    job = ask(db)
    Children(db, {}).step(NOON)
    assert get(db, job).status is JobStatus.RUNNING
    assert len(started) == 1


def test_no_more_than_two_run_at_once(db: Database, started: list[subprocess.Popen[bytes]]) -> None:
    waiting = [ask(db) for _ in range(3)]
    Children(db, {}).step(NOON)
    assert [get(db, job).status for job in waiting] == [
        JobStatus.RUNNING,
        JobStatus.RUNNING,
        JobStatus.QUEUED,
    ]


def test_a_killed_child_is_found_and_reported(
    db: Database, started: list[subprocess.Popen[bytes]]
) -> None:
    job = ask(db)
    mine = Children(db, {})
    mine.step(NOON)
    started[0].kill()
    started[0].wait()
    mine.step(NOON)
    lost = get(db, job)
    assert lost.status is JobStatus.LOST
    assert lost.error == (
        "Its process was killed (signal 9; out of memory is the usual cause). Start it again."
    )


def test_a_child_that_does_not_hear_a_cancel_is_ended_after_a_grace(
    db: Database, started: list[subprocess.Popen[bytes]]
) -> None:
    job = ask(db)
    mine = Children(db, {})
    mine.step(NOON)
    with db.write() as conn:
        jobs.request_cancel(conn, job.id, "grace", NOON)
    mine.step(NOON)
    assert get(db, job).status is JobStatus.RUNNING
    mine.step(NOON + CANCEL_GRACE)
    assert get(db, job).status is JobStatus.CANCELLED
    assert started[0].wait() == -9


@pytest.mark.parametrize(
    ("silent_for", "status"),
    [(DEAD_AFTER, JobStatus.RUNNING), (DEAD_AFTER + timedelta(seconds=1), JobStatus.LOST)],
)
def test_a_job_of_a_dead_worker_is_lost_once_its_heartbeat_stops(
    db: Database, silent_for: timedelta, status: JobStatus
) -> None:
    job = ask(db)
    with db.write() as conn:
        jobs.claim_job(conn, job.id, NOON)
    Children(db, {}).step(NOON + silent_for)
    assert get(db, job).status is status


def test_stopping_the_worker_ends_its_children_and_says_so(
    db: Database, started: list[subprocess.Popen[bytes]]
) -> None:
    job = ask(db)
    mine = Children(db, {})
    mine.step(NOON)
    mine.stop(NOON)
    assert get(db, job).error == "Plumbline was stopped while this ran. Start it again."
    assert started[0].poll() is not None


def test_settings_reach_the_child_as_they_are_here(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}

    def start(command: list[str], env: dict[str, str], **_: object) -> None:
        seen.update(env)
        raise OSError("not started in this test")

    monkeypatch.setattr(children.subprocess, "Popen", start)
    monkeypatch.setenv("PLUMBLINE_TOLERANCE", "9")
    ask(db)
    with pytest.raises(OSError, match="not started"):
        Children(db, {"PLUMBLINE_HOME": "/somewhere"}).step(NOON)
    assert seen["PLUMBLINE_HOME"] == "/somewhere"
    assert "PLUMBLINE_TOLERANCE" not in seen
