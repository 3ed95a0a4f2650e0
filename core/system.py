"""The state of the installation itself: store, disk, tracking, worker, versions, backlog."""

import shutil
from dataclasses import dataclass
from datetime import datetime

from core.audit.attempt import attempt
from core.bootstrap import App
from core.domain.actor import JOB_ACTS, Act, Actor
from core.domain.installation import ApiWorker, ClockJump
from core.domain.job import SCHEDULER, Job, JobStatus, Lease, ScheduledTask
from core.domain.model_card import ScorerCheck
from core.domain.monitoring import Retention
from core.domain.source import SourceStatus, summarize_source
from core.domain.version import Version, version_name
from core.errors import OpsError
from core.monitoring.retention import load_retention
from core.store.data import sources
from core.store.engine import migrations
from core.store.installation import api_workers, clock_jumps
from core.store.jobs import jobs, schedule
from core.store.models import deployments, versions


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The state of the installation, as the system page, the `status` verb and `/v1/status` show
    it."""

    at: datetime
    store: str  # the database's address without its secrets
    schema: int
    home: str
    disk_free_bytes: int
    disk_total_bytes: int
    tracking: str  # its address without secrets, as of the store
    n_versions: int
    n_versions_untracked: int  # trained while tracking was away; logged when it is back
    champion: str | None
    revision: int
    worker: Lease | None  # who runs the scheduled tasks and jobs, expired or not
    worker_alive: bool
    tasks: list[ScheduledTask]
    retention: Retention
    clock_jump: ClockJump | None  # the newest of the last week
    sources: list[SourceStatus]
    n_jobs_waiting: int
    n_jobs_running: int
    api_workers: list[ApiWorker]  # what each said of itself last, the newest first
    scorer: ScorerCheck | None  # the champion's; None where nobody checked


def describe_system(app: App) -> SystemStatus:
    """The state right now; reads only."""
    disk = shutil.disk_usage(app.settings.home)
    now = app.now()
    with app.db.read() as conn:
        lease = schedule.find_lease(conn, SCHEDULER)
        deployment = deployments.find_current(conn)
        counts = jobs.count_open(conn)
        champion = None if deployment is None else deployment.plan.champion
        version = None if champion is None else versions.find_version(conn, champion)
        return SystemStatus(
            at=now,
            store=app.db.address,
            schema=migrations.read_number(conn),
            home=str(app.settings.home),
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
            tracking=app.registry.tracking_uri.masked,
            n_versions=versions.count_versions(conn),
            n_versions_untracked=len(versions.load_versions_without_run(conn)),
            champion=None if champion is None else version_name(champion),
            revision=0 if deployment is None else deployment.revision,
            worker=lease,
            worker_alive=lease is not None and lease.is_live(now),
            tasks=schedule.load_tasks(conn),
            retention=load_retention(conn, app.settings.keep_predictions_days),
            clock_jump=clock_jumps.find_recent(conn, now),
            sources=[summarize_source(source) for source in sources.load_sources(conn)],
            n_jobs_waiting=counts.get(JobStatus.QUEUED, 0),
            n_jobs_running=counts.get(JobStatus.RUNNING, 0),
            api_workers=api_workers.load_workers(conn),
            scorer=None if version is None else _find_check(app, version),
        )


def _find_check(app: App, version: Version) -> ScorerCheck | None:
    try:
        return app.registry.load_card(version.artifact_hash).scorer
    except OpsError:
        return None


def request_job(app: App, kind: str, args: dict[str, object], *, by: Actor, reason: str) -> Job:
    """Ask the worker for work, and return the job as it waits."""
    now = app.now()
    with (
        attempt(app.db, by, JOB_ACTS[kind], f"{kind} job", now=now, reason=reason) as act,
        act.write() as conn,
    ):
        job = jobs.append_job(conn, kind, args, by=by.name, reason=reason, now=now)
        act.note(after={"job": job.id})
    return job


def cancel_job(app: App, job_id: int, *, by: Actor) -> Job:
    """Ask a job to stop, and return it. Raises `NotFound`, `Conflict` for one that has ended."""
    now = app.now()
    with attempt(app.db, by, Act.CANCEL, f"job {job_id}", now=now) as act, act.write() as conn:
        return jobs.request_cancel(conn, job_id, by.name, now)
