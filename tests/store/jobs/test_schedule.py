"""Scheduled tasks: one row each, which says how the last run went and when the next one is."""

from collections.abc import Callable
from datetime import datetime, timedelta

from core.domain.job import ScheduledTask
from core.store.engine.database import Database
from core.store.jobs.schedule import load_tasks, save_finished, save_next_run, save_started

Clock = Callable[[], datetime]

SECOND = timedelta(seconds=1)


def only_task(db: Database) -> ScheduledTask:
    with db.read() as conn:
        (task,) = load_tasks(conn)
    return task


def test_nothing_was_ever_scheduled_in_a_new_store(db: Database) -> None:
    with db.read() as conn:
        assert load_tasks(conn) == []


def test_a_task_says_when_it_runs_before_it_ever_did(db: Database, now: Clock) -> None:
    with db.write() as conn:
        save_next_run(conn, "measure", 60.0, now() + SECOND)
    assert only_task(db) == ScheduledTask("measure", 60.0, None, None, None, None, now() + SECOND)


def test_a_run_is_told_from_its_start_to_its_end(db: Database, now: Clock) -> None:
    with db.write() as conn:
        save_started(conn, "measure", 60.0, now())
    assert only_task(db).last_started_at == now()
    assert only_task(db).last_finished_at is None
    with db.write() as conn:
        save_finished(conn, "measure", 60.0, "3 minutes measured", None, now() + SECOND)
        save_next_run(conn, "measure", 60.0, now() + 60 * SECOND)
    assert only_task(db) == ScheduledTask(
        name="measure",
        every_seconds=60.0,
        last_started_at=now(),
        last_finished_at=now() + SECOND,
        last_outcome="3 minutes measured",
        last_error=None,
        next_run_at=now() + 60 * SECOND,
    )


def test_an_error_is_forgotten_when_the_task_ends_well_again(db: Database, now: Clock) -> None:
    with db.write() as conn:
        save_finished(conn, "measure", 60.0, None, "The disk is full.", now())
    assert only_task(db).last_error == "The disk is full."
    with db.write() as conn:
        save_finished(conn, "measure", 60.0, "1 minute measured", None, now() + SECOND)
    assert only_task(db).last_error is None
    assert only_task(db).last_outcome == "1 minute measured"


def test_a_task_whose_rhythm_changed_says_the_new_one(db: Database, now: Clock) -> None:
    with db.write() as conn:
        save_started(conn, "measure", 60.0, now())
        save_started(conn, "measure", 30.0, now() + SECOND)
    assert only_task(db).every_seconds == 30.0


def test_a_task_that_is_held_has_no_next_run(db: Database, now: Clock) -> None:
    with db.write() as conn:
        save_next_run(conn, "measure", 60.0, now())
        save_next_run(conn, "measure", 60.0, None)
    assert only_task(db).next_run_at is None


def test_tasks_come_by_name_and_keep_to_their_own_row(db: Database, now: Clock) -> None:
    with db.write() as conn:
        save_started(conn, "watch", 60.0, now())
        save_started(conn, "check_retraining", 3600.0, now())
        save_finished(conn, "watch", 60.0, "healthy", None, now() + SECOND)
    with db.read() as conn:
        tasks = load_tasks(conn)
    assert [task.name for task in tasks] == ["check_retraining", "watch"]
    assert [task.last_outcome for task in tasks] == [None, "healthy"]
