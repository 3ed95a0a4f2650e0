"""Jobs: claimed by one, ended once, and what a person wanted is always kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain, product

import pytest

from core.domain.job import FINAL, Job, JobStatus
from core.errors import Conflict, NotFound
from core.store.engine.database import Database
from core.store.jobs.jobs import (
    append_job,
    append_line,
    claim_job,
    claim_next_job,
    count_open,
    get_job,
    has_queued,
    load_jobs,
    load_lines,
    load_running_jobs,
    request_cancel,
    save_heartbeat,
    save_outcome,
    save_progress,
)

Clock = Callable[[], datetime]

MINUTE = timedelta(minutes=1)
ENDED = sorted(FINAL)


def ask(db: Database, now: Clock, kind: str = "train", **args: object) -> Job:
    with db.write() as conn:
        return append_job(conn, kind, args, by="ada", reason="new rows", now=now())


def get(db: Database, job: Job) -> Job:
    with db.read() as conn:
        return get_job(conn, job.id)


def claim(db: Database, job: Job, at: datetime) -> Job:
    with db.write() as conn:
        return claim_job(conn, job.id, at)


def end(
    db: Database,
    job: Job,
    status: JobStatus,
    at: datetime,
    result: dict[str, object] | None = None,
    error: str | None = None,
) -> bool:
    with db.write() as conn:
        return save_outcome(conn, job.id, status, result=result, error=error, now=at)


def cancel(db: Database, job: Job, at: datetime, by: str = "ben") -> Job:
    with db.write() as conn:
        return request_cancel(conn, job.id, by, at)


# --- Asking and claiming --------------------------------------------------------------------


def test_a_job_waits_with_who_asked_and_why(db: Database, now: Clock) -> None:
    job = ask(db, now, "train", recipe="baseline", seed=7)
    assert job == get(db, job)
    assert job.status is JobStatus.QUEUED
    assert (job.kind, job.args) == ("train", {"recipe": "baseline", "seed": 7})
    assert (job.requested_by, job.reason, job.requested_at) == ("ada", "new rows", now())
    assert (job.started_at, job.heartbeat_at, job.finished_at, job.pid) == (None,) * 4
    assert (job.progress, job.result, job.error, job.cancel_requested_by) == (0.0, None, None, None)


def test_the_oldest_job_is_claimed_first(db: Database, now: Clock) -> None:
    first, second = ask(db, now), ask(db, now)
    with db.write() as conn:
        claimed = [claim_next_job(conn, now()), claim_next_job(conn, now())]
        assert claim_next_job(conn, now()) is None
    assert [job.id for job in claimed if job] == [first.id, second.id]


def test_a_claimed_job_runs_from_then_on(db: Database, now: Clock) -> None:
    job = ask(db, now)
    later = now() + MINUTE
    claimed = claim(db, job, later)
    assert claimed == get(db, job)
    assert claimed.status is JobStatus.RUNNING
    assert (claimed.started_at, claimed.heartbeat_at) == (later, later)


def test_a_job_that_does_not_wait_cannot_be_claimed(db: Database, now: Clock) -> None:
    job = ask(db, now)
    claimed = claim(db, job, now())
    with pytest.raises(Conflict, match=f"Job {job.id} is not waiting"):
        claim(db, job, now() + MINUTE)
    assert get(db, job) == claimed


def test_of_many_workers_exactly_one_gets_each_job(db: Database, now: Clock) -> None:
    jobs = [ask(db, now) for _ in range(10)]

    def work(_: int) -> list[int]:
        taken: list[int] = []
        while True:
            with db.write() as conn:
                job = claim_next_job(conn, now())
            if job is None:
                return taken
            taken.append(job.id)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(work, range(8)))
    assert sorted(chain.from_iterable(taken)) == [job.id for job in jobs]


def test_of_many_that_want_one_job_exactly_one_gets_it(db: Database, now: Clock) -> None:
    job = ask(db, now)

    def try_to_claim(_: int) -> bool:
        try:
            claim(db, job, now())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(try_to_claim, range(8))).count(True) == 1


# --- While it runs --------------------------------------------------------------------------


def test_a_heartbeat_says_that_the_process_lives(db: Database, now: Clock) -> None:
    job = claim(db, ask(db, now), now())
    with db.write() as conn:
        beaten = save_heartbeat(conn, job.id, 4711, now() + MINUTE)
    assert beaten == get(db, job)
    assert (beaten.pid, beaten.heartbeat_at) == (4711, now() + MINUTE)


def test_a_job_that_has_ended_has_no_heartbeat_and_no_progress(db: Database, now: Clock) -> None:
    for status in FINAL - {JobStatus.LOST}:
        job = claim(db, ask(db, now), now())
        end(db, job, status, now(), error="It ended.")
        ended = get(db, job)
        with db.write() as conn:
            assert save_heartbeat(conn, job.id, 4711, now() + MINUTE) == ended
            save_progress(conn, job.id, 0.3, "still here", now() + MINUTE)
        assert get(db, job) == ended


def test_a_waiting_job_has_no_heartbeat_and_no_progress(db: Database, now: Clock) -> None:
    job = ask(db, now)
    with db.write() as conn:
        assert save_heartbeat(conn, job.id, 4711, now()) == job
        save_progress(conn, job.id, 0.3, "before its time", now())
    assert get(db, job) == job


def test_progress_is_kept_and_told_in_the_log(db: Database, now: Clock) -> None:
    job = claim(db, ask(db, now), now())
    with db.write() as conn:
        save_progress(conn, job.id, 0.25, "reading rows", now() + MINUTE)
        append_line(conn, job.id, "12 rows rejected", now() + MINUTE)
        save_progress(conn, job.id, 0.5, "fitting", now() + 2 * MINUTE)
    running = get(db, job)
    assert (running.progress, running.message) == (0.5, "fitting")
    assert running.heartbeat_at == now() + 2 * MINUTE
    with db.read() as conn:
        lines = load_lines(conn, job.id, limit=10)
        assert load_lines(conn, job.id, limit=2) == lines[1:]
    assert lines == [
        (now() + MINUTE, "reading rows"),
        (now() + MINUTE, "12 rows rejected"),
        (now() + 2 * MINUTE, "fitting"),
    ]


# --- The end --------------------------------------------------------------------------------


def test_a_job_that_is_done_has_its_result(db: Database, now: Clock) -> None:
    job = claim(db, ask(db, now), now())
    assert end(db, job, JobStatus.DONE, now() + MINUTE, result={"version": 3})
    done = get(db, job)
    assert (done.status, done.finished_at) == (JobStatus.DONE, now() + MINUTE)
    assert (done.result, done.error, done.progress) == ({"version": 3}, None, 1.0)


def test_a_job_that_failed_says_why_and_how_far_it_came(db: Database, now: Clock) -> None:
    job = claim(db, ask(db, now), now())
    with db.write() as conn:
        save_progress(conn, job.id, 0.25, "reading rows", now())
    assert end(db, job, JobStatus.FAILED, now() + MINUTE, error="The disk is full.")
    failed = get(db, job)
    assert (failed.status, failed.error, failed.message) == (
        JobStatus.FAILED,
        "The disk is full.",
        "The disk is full.",
    )
    assert (failed.progress, failed.result) == (0.25, None)
    with db.read() as conn:
        assert load_lines(conn, job.id, limit=1) == [(now() + MINUTE, "The disk is full.")]


def test_a_job_ends_only_once(db: Database, now: Clock) -> None:
    for first, second in product(FINAL, FINAL):
        job = claim(db, ask(db, now), now())
        assert end(db, job, first, now(), error="first")
        ended = get(db, job)
        assert not end(db, job, second, now() + MINUTE, result={"version": 3}, error="second")
        assert get(db, job) == ended
        with db.read() as conn:
            assert [line for _, line in load_lines(conn, job.id, limit=9)] == ["first"]


def test_of_many_ends_at_once_exactly_one_counts(db: Database, now: Clock) -> None:
    job = claim(db, ask(db, now), now())
    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda n: end(db, job, ENDED[n % 4], now(), error=str(n)), range(8)))
    assert ended.count(True) == 1
    winner = ended.index(True)
    assert (get(db, job).status, get(db, job).error) == (ENDED[winner % 4], str(winner))


def test_a_job_whose_process_died_is_lost_and_can_not_come_back(db: Database, now: Clock) -> None:
    job = claim(db, ask(db, now), now())
    assert end(db, job, JobStatus.LOST, now() + MINUTE, error="Its process died without a word.")
    assert get(db, job).status is JobStatus.LOST
    assert not end(db, job, JobStatus.DONE, now() + 2 * MINUTE, result={"version": 3})
    with pytest.raises(Conflict):
        claim(db, job, now() + 2 * MINUTE)


# --- Cancelling -----------------------------------------------------------------------------


def test_a_waiting_job_is_cancelled_at_once(db: Database, now: Clock) -> None:
    job = ask(db, now)
    cancelled = cancel(db, job, now() + MINUTE)
    assert (cancelled.status, cancelled.finished_at) == (JobStatus.CANCELLED, now() + MINUTE)
    assert cancelled.error == "Cancelled by ben before it started."
    with db.write() as conn:
        assert claim_next_job(conn, now()) is None


def test_a_running_job_is_told_who_wants_it_to_stop(db: Database, now: Clock) -> None:
    job = claim(db, ask(db, now), now())
    assert cancel(db, job, now()).status is JobStatus.RUNNING
    with db.write() as conn:
        assert save_heartbeat(conn, job.id, 4711, now()).cancel_requested_by == "ben"


def test_the_first_who_wanted_a_job_to_stop_is_the_one_it_tells(db: Database, now: Clock) -> None:
    job = claim(db, ask(db, now), now())
    cancel(db, job, now(), by="ben")
    assert cancel(db, job, now() + MINUTE, by="cleo").cancel_requested_by == "ben"


def test_a_job_that_has_ended_cannot_be_cancelled(db: Database, now: Clock) -> None:
    for status in FINAL:
        job = claim(db, ask(db, now), now())
        end(db, job, status, now())
        ended = get(db, job)
        with pytest.raises(Conflict, match=rf"has ended already \({status}\)"):
            cancel(db, job, now() + MINUTE)
        assert get(db, job) == ended


def test_a_job_is_either_claimed_or_cancelled_when_both_are_tried(db: Database, now: Clock) -> None:
    for _ in range(5):
        job = ask(db, now)
        with ThreadPoolExecutor(2) as pool:
            claimed = pool.submit(claim, db, job, now())
            cancelled = pool.submit(cancel, db, job, now()).result()
        if claimed.exception() is None:
            assert get(db, job).status is JobStatus.RUNNING
            assert get(db, job).cancel_requested_by == "ben"
        else:
            assert cancelled.status is JobStatus.CANCELLED


# --- Looking --------------------------------------------------------------------------------


def test_a_job_that_does_not_exist_is_a_sentence(db: Database, now: Clock) -> None:
    with pytest.raises(NotFound, match="no job 99: `jobs` lists"), db.read() as conn:
        get_job(conn, 99)
    with pytest.raises(NotFound, match="no job 99: `jobs` lists"), db.write() as conn:
        request_cancel(conn, 99, "ben", now())


def test_jobs_are_listed_newest_first_and_by_kind(db: Database, now: Clock) -> None:
    jobs = [ask(db, now, kind) for kind in ("import", "train", "demo", "train")]
    with db.read() as conn:
        assert load_jobs(conn, limit=10) == jobs[::-1]
        assert load_jobs(conn, limit=2) == [jobs[3], jobs[2]]
        assert load_jobs(conn, limit=10, kinds=["train"]) == [jobs[3], jobs[1]]
        assert load_jobs(conn, limit=10, kinds=[]) == []


def test_open_jobs_are_counted_by_where_they_are(db: Database, now: Clock) -> None:
    with db.read() as conn:
        assert (count_open(conn), has_queued(conn), load_running_jobs(conn)) == ({}, False, [])
    ask(db, now)
    running = claim(db, ask(db, now), now())
    end(db, claim(db, ask(db, now), now()), JobStatus.DONE, now())
    with db.read() as conn:
        assert count_open(conn) == {JobStatus.QUEUED: 1, JobStatus.RUNNING: 1}
        assert has_queued(conn)
        assert load_running_jobs(conn) == [running]


def test_the_log_of_another_job_is_not_mixed_in(db: Database, now: Clock) -> None:
    one, two = ask(db, now), ask(db, now)
    with db.write() as conn:
        append_line(conn, one.id, "of one", now())
        append_line(conn, two.id, "of two", now())
    with db.read() as conn:
        assert load_lines(conn, one.id, limit=9) == [(now(), "of one")]
