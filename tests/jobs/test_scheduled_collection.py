"""The scheduled collection: a job when it is due, one at a time, none without a project."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.bootstrap import App, build_app
from core.domain.job import Job, JobStatus
from core.jobs.schedule import TASKS
from core.store.jobs import jobs

COLLECT = next(task for task in TASKS if task.name == "collection")


def make_app(home: Path, now: Callable[[], datetime], **values: str) -> App:
    return build_app({"PLUMBLINE_HOME": str(home), **values}, now)


@pytest.fixture
def app(home: Path, now: Callable[[], datetime]) -> Iterator[App]:
    built = make_app(home, now, PLUMBLINE_SUPABASE_URL="https://x", PLUMBLINE_SUPABASE_KEY="k")
    yield built
    built.close()


def later(app: App, minutes: float) -> App:
    return replace(app, now=lambda: app.now() + timedelta(minutes=minutes))


def load(app: App) -> list[Job]:
    with app.db.read() as conn:
        return jobs.load_jobs(conn, 9)


def end(app: App, status: JobStatus = JobStatus.DONE) -> None:
    with app.db.write() as conn:
        job = jobs.load_jobs(conn, 1)[0]
        jobs.claim_job(conn, job.id, app.now())
        jobs.save_outcome(conn, job.id, status, result={}, error=None, now=app.now())


def test_without_a_project_nothing_is_collected(home: Path, now: Callable[[], datetime]) -> None:
    app = make_app(home, now)
    assert COLLECT.run(app) == "no source is configured"
    assert load(app) == []
    app.close()


def test_a_collection_is_a_job(app: App) -> None:
    assert COLLECT.run(app) == "job 1 collects"
    (job,) = load(app)
    assert (job.kind, job.args, job.requested_by) == ("collect", {}, "schedule")


def test_one_collection_waits_for_the_one_before(app: App) -> None:
    COLLECT.run(app)
    assert COLLECT.run(later(app, 500)) == "job 1 is still running"


@pytest.mark.parametrize("status", [JobStatus.DONE, JobStatus.FAILED, JobStatus.LOST])
def test_the_next_one_comes_after_an_hour_however_the_last_ended(
    app: App, status: JobStatus
) -> None:
    COLLECT.run(app)
    end(app, status)
    assert COLLECT.run(later(app, 59)) == "job 1 collected at 12:00 UTC"
    assert COLLECT.run(later(app, 60)) == "job 2 collects"
