"""Running a job: every way it can end is the row's outcome, never an exception."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from core.bootstrap import App, build_app
from core.domain.job import Job, JobStatus, Progress
from core.errors import Refused, Unavailable
from core.jobs import runner, tasks
from core.store.jobs import jobs


@pytest.fixture
def app(home: Path, now: Callable[[], datetime]) -> Iterator[App]:
    built = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}, now)
    yield built
    built.close()


def claim(app: App, kind: str = "sample") -> Job:
    with app.db.write() as conn:
        job = jobs.append_job(conn, kind, {"n": 2}, by="ada", reason="test", now=app.now())
        return jobs.claim_job(conn, job.id, app.now())


def run_as(
    monkeypatch: pytest.MonkeyPatch, app: App, work: Callable[[App, Job, Progress], dict[str, int]]
) -> Job:
    monkeypatch.setitem(tasks.TASKS, "sample", work)
    return runner.run_job(app, claim(app))


def log_of(app: App, job: Job) -> str:
    with app.db.read() as conn:
        return "\n".join(line for _, line in jobs.load_lines(conn, job.id, 100))


def test_a_job_that_ends_well_is_done_with_its_result(
    monkeypatch: pytest.MonkeyPatch, app: App
) -> None:
    def work(app: App, job: Job, progress: Progress) -> dict[str, int]:
        progress(0.5, "half way")
        return {"n": 2}

    ended = run_as(monkeypatch, app, work)
    assert (ended.status, ended.result, ended.progress) == (JobStatus.DONE, {"n": 2}, 1.0)
    assert log_of(app, ended) == "half way"


def test_an_operators_error_is_the_outcome_word_for_word(
    monkeypatch: pytest.MonkeyPatch, app: App
) -> None:
    def work(*_: object) -> dict[str, int]:
        raise Refused("The data has 3 rows: import more.")

    ended = run_as(monkeypatch, app, work)
    assert (ended.status, ended.error) == (JobStatus.FAILED, "The data has 3 rows: import more.")


def test_a_bug_is_recorded_with_its_traceback(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    def work(*_: object) -> dict[str, int]:
        raise ZeroDivisionError("by zero")

    ended = run_as(monkeypatch, app, work)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert "ZeroDivisionError: by zero" in ended.error
    assert "Traceback" in log_of(app, ended)


def test_running_out_of_memory_says_what_to_do(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    def work(*_: object) -> dict[str, int]:
        raise MemoryError

    ended = run_as(monkeypatch, app, work)
    assert ended.error == "The machine ran out of memory: use fewer rows, or a larger one."


def test_a_wish_to_cancel_is_heard_at_the_next_step(
    monkeypatch: pytest.MonkeyPatch, app: App
) -> None:
    def work(app: App, job: Job, progress: Progress) -> dict[str, int]:
        with app.db.write() as conn:
            jobs.request_cancel(conn, job.id, "grace", app.now())
        for step in range(20_000):  # seconds of work; the heartbeat hears of it after one
            progress(step / 20_000, "working")
        raise AssertionError("never told to stop")

    monkeypatch.setattr(runner, "HEARTBEAT_SECONDS", 0.01)
    ended = run_as(monkeypatch, app, work)
    assert ended.status is JobStatus.CANCELLED
    assert ended.error == "Cancelled by grace; nothing half done was kept."


def test_a_store_that_is_away_for_a_while_loses_no_work_and_no_word(
    monkeypatch: pytest.MonkeyPatch, app: App
) -> None:
    write = app.db.write

    def work(app: App, job: Job, progress: Progress) -> dict[str, int]:
        with monkeypatch.context() as away:
            away.setattr(app.db, "write", refuse)
            progress(0.25, "read")
            progress(0.5, "searching")
        return {"n": 3}

    def refuse(**_: object) -> None:
        raise Unavailable("The store is away.")

    ended = run_as(monkeypatch, app, work)
    assert (ended.status, ended.result, ended.error) == (JobStatus.DONE, {"n": 3}, None)
    assert log_of(app, ended) == "read\nsearching"
    assert app.db.write == write


def test_what_was_taken_for_lost_is_done_once_its_process_says_so(
    monkeypatch: pytest.MonkeyPatch, app: App
) -> None:
    def work(app: App, job: Job, progress: Progress) -> dict[str, int]:
        with app.db.write() as conn:
            jobs.save_outcome(
                conn, job.id, JobStatus.LOST, result=None, error="Silent.", now=app.now()
            )
        return {"n": 3}

    ended = run_as(monkeypatch, app, work)
    assert (ended.status, ended.result, ended.error) == (JobStatus.DONE, {"n": 3}, None)


def test_ctrl_c_cancels_the_job_that_runs_here(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    def work(*_: object) -> dict[str, int]:
        raise KeyboardInterrupt

    ended = run_as(monkeypatch, app, work)
    assert ended.error == "Cancelled by ada; nothing half done was kept."


def test_an_unknown_kind_of_job_fails_with_the_kinds_that_exist(app: App) -> None:
    ended = runner.run_job(app, claim(app, "dance"))
    assert ended.error == f"'dance' is not a kind of job: {', '.join(tasks.TASKS)} are."
    assert {"import", "collect", "train", "replay", "reproduce"} <= set(tasks.TASKS)


def test_progress_is_told_to_whoever_waits(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    def work(app: App, job: Job, progress: Progress) -> dict[str, int]:
        progress(0.25, "a quarter")
        return {}

    heard: list[tuple[float, str]] = []
    monkeypatch.setitem(tasks.TASKS, "sample", work)
    runner.run_job(app, claim(app), lambda share, message: heard.append((share, message)))
    assert heard == [(0.25, "a quarter")]
