"""The verbs that start something: everything together, or one part alone."""

import os

import typer

from core import up as parts
from core.bootstrap import build_app
from core.cli.output import say
from core.domain.job import JobStatus
from core.errors import Refused
from core.file_access import check_home
from core.jobs.runner import run_job
from core.jobs.scheduler import run_worker
from core.store.jobs import jobs


def add_verbs(cli: typer.Typer) -> None:
    """Add up, dashboard, api, worker and mlflow."""
    for verb in (up, dashboard, api, worker, mlflow):
        cli.command()(verb)
    cli.command(name="run-job", hidden=True)(run_claimed_job)


def up() -> None:
    """Start dashboard, API and worker together; Ctrl-C stops them."""
    app = build_app()
    parts.run_all(app, {**os.environ, **parts.environment(app)}, say)


def dashboard() -> None:
    """Start the dashboard alone, with the scheduler thread."""
    parts.become(build_app(), parts.Component.DASHBOARD, say)


def api() -> None:
    """Start the prediction API alone."""
    parts.become(build_app(), parts.Component.API, say)


def mlflow() -> None:
    """Start MLflow's own pages over the same store."""
    parts.become(build_app(), parts.Component.MLFLOW, say)


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
