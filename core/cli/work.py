"""The verbs that do the work of schedules and jobs."""

import typer

from core.bootstrap import build_app
from core.domain.job import JobStatus
from core.errors import Refused
from core.file_access import check_home
from core.jobs.runner import run_job
from core.jobs.scheduler import run_worker
from core.store.jobs import jobs


def add_verbs(cli: typer.Typer) -> None:
    """Add worker and run-job."""
    cli.command()(worker)
    cli.command(name="run-job", hidden=True)(run_claimed_job)


def worker() -> None:
    """Start the worker alone: scheduled tasks and jobs."""
    app = build_app()
    check_home(app.settings.home)
    run_worker(app)


def run_claimed_job(job_id: int) -> None:
    """Do the work of a job that the worker has claimed."""
    app = build_app()
    with app.db.read() as conn:
        job = jobs.get_job(conn, job_id)
    if job.status is not JobStatus.RUNNING:
        raise Refused(f"Job {job_id} is {job.status}, not claimed by a worker.")
    run_job(app, job)
