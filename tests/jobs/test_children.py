"""Child processes: one for each job, found when they die, ended when somebody asks."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from core.domain.job import REGISTERED, Job, JobStatus
from core.errors import Unavailable
from core.jobs import children
from core.jobs.children import CANCEL_GRACE_SECONDS, Children
from core.store.engine.database import Database
from core.store.jobs import jobs
from tests.conftest import NOON

YEAR = timedelta(days=365)
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


class Steady:
    """A steady clock that a test moves on."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_child_that_does_not_hear_a_cancel_is_ended_after_a_grace(
    db: Database, started: list[subprocess.Popen[bytes]]
) -> None:
    job, steady = ask(db), Steady()
    mine = Children(db, {}, steady)
    mine.step(NOON)
    with db.write() as conn:
        jobs.request_cancel(conn, job.id, "grace", NOON)
    mine.step(NOON)
    mine.step(NOON + YEAR)  # the wall clock does not shorten it
    assert get(db, job).status is JobStatus.RUNNING
    steady.at += CANCEL_GRACE_SECONDS
    mine.step(NOON - YEAR)
    assert get(db, job).status is JobStatus.CANCELLED
    assert started[0].wait() == -9


def claim(db: Database) -> Job:
    job = ask(db)
    with db.write() as conn:
        return jobs.claim_job(conn, job.id, NOON)


@pytest.mark.parametrize("wall", [timedelta(0), YEAR, -YEAR], ids=["still", "forward", "back"])
def test_a_job_of_a_dead_worker_is_lost_once_it_was_seen_silent(
    db: Database, wall: timedelta
) -> None:
    job, steady = claim(db), Steady()
    mine = Children(db, {}, steady)
    for steady.at in range(31):
        mine.step(NOON + wall)
    assert get(db, job).status is JobStatus.RUNNING
    steady.at = 31
    mine.step(NOON + wall)
    assert get(db, job).error == "Its process died without an outcome. Start it again."


def test_a_heartbeat_is_heard_while_the_wall_clock_stands_still(db: Database) -> None:
    job, steady = claim(db), Steady()
    mine = Children(db, {}, steady)
    for steady.at in range(100):
        with db.write() as conn:
            jobs.save_heartbeat(conn, job.id, 1, NOON)
        mine.step(NOON)
    assert get(db, job).status is JobStatus.RUNNING


def test_who_could_not_look_takes_nobody_for_dead(db: Database) -> None:
    job, steady = claim(db), Steady()
    mine = Children(db, {}, steady)
    for steady.at in (0, 10, 20, 3_600, 3_610, 3_620):  # asleep, or without a store, for an hour
        mine.step(NOON)
    assert get(db, job).status is JobStatus.RUNNING


def test_a_job_that_was_taken_for_lost_goes_on_where_its_process_lives(db: Database) -> None:
    job = claim(db)
    with db.write() as conn:
        jobs.save_outcome(conn, job.id, JobStatus.LOST, result=None, error="Silent.", now=NOON)
        beaten = jobs.save_heartbeat(conn, job.id, 7, NOON)
    assert (beaten.status, beaten.error, beaten.finished_at) == (JobStatus.RUNNING, None, None)


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.DONE])
def test_no_heartbeat_wakes_a_job_that_ended(db: Database, status: JobStatus) -> None:
    job = claim(db)
    with db.write() as conn:
        jobs.save_outcome(conn, job.id, status, result=None, error=None, now=NOON)
        assert jobs.save_heartbeat(conn, job.id, 7, NOON).status is status
        assert not jobs.save_outcome(
            conn, job.id, JobStatus.DONE, result=None, error=None, now=NOON, knows=True
        )


def test_a_worker_without_the_lease_watches_its_own_and_starts_none(
    db: Database, started: list[subprocess.Popen[bytes]]
) -> None:
    mine = Children(db, {})
    first = ask(db)
    mine.step(NOON)
    second, third = claim(db), ask(db)
    started[0].kill()
    started[0].wait()
    mine.step(NOON, leads=False)
    statuses = [get(db, job).status for job in (first, second, third)]
    assert statuses == [JobStatus.LOST, JobStatus.RUNNING, JobStatus.QUEUED]


def test_a_training_that_died_after_its_version_says_which(
    db: Database, started: list[subprocess.Popen[bytes]]
) -> None:
    job = ask(db)
    mine = Children(db, {})
    mine.step(NOON)
    with db.write() as conn:
        jobs.save_progress(conn, job.id, 0.99, f"v3{REGISTERED}", NOON)
    started[0].kill()
    started[0].wait()
    mine.step(NOON)
    assert get(db, job).error == (
        "Its process was killed (signal 9; out of memory is the usual cause). Before that, v3 was "
        "registered: look at it before you train again."
    )


def test_stopping_the_worker_ends_its_children_and_says_so(
    db: Database, started: list[subprocess.Popen[bytes]]
) -> None:
    job = ask(db)
    mine = Children(db, {})
    mine.step(NOON)
    mine.stop(NOON)
    assert get(db, job).error == "Plumbline was stopped while this ran. Start it again."
    assert started[0].poll() is not None


def test_a_store_that_is_away_delays_an_outcome_and_loses_none(
    db: Database, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(db)
    mine = Children(db, {})
    mine.step(NOON)
    started[0].kill()
    started[0].wait()
    with monkeypatch.context() as away:
        away.setattr(db, "write", _refuse)
        with pytest.raises(Unavailable):
            mine.step(NOON)
    mine.step(NOON)
    assert get(db, job).status is JobStatus.LOST


def test_a_worker_stops_whether_or_not_the_store_is_there(
    db: Database, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(db)
    mine = Children(db, {})
    mine.step(NOON)
    monkeypatch.setattr(db, "write", _refuse)
    mine.stop(NOON)
    assert started[0].poll() is not None


def _refuse() -> None:
    raise Unavailable("away")


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
