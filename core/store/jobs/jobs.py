"""Jobs: claimed, reported and ended by conditional updates, so that no two processes share one and
an ended job stays as it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.job import Job, JobStatus
from core.errors import Conflict, NotFound
from core.store.engine import schema

_jobs = schema.jobs
_lines = schema.job_lines
_OPEN = [JobStatus.QUEUED.value, JobStatus.RUNNING.value]
_ALIVE = (JobStatus.RUNNING, JobStatus.LOST)  # the latter where its process still beats


def append_job(
    conn: sa.Connection,
    kind: str,
    args: Mapping[str, object],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> Job:
    """Append a queued job, which some worker will claim; return it."""
    result = conn.execute(
        _jobs.insert()
        .values(
            kind=kind,
            args=dict(args),
            status=JobStatus.QUEUED.value,
            requested_at=now,
            requested_by=by,
            reason=reason,
            progress=0.0,
            message="waiting for the worker",
        )
        .returning(_jobs.c.id)
    )
    return get_job(conn, int(result.scalar_one()))


def count_open(conn: sa.Connection) -> dict[JobStatus, int]:
    """Count the queued and the running jobs."""
    query = (
        sa.select(_jobs.c.status, sa.func.count().label("n"))
        .where(_jobs.c.status.in_(_OPEN))
        .group_by(_jobs.c.status)
    )
    return {JobStatus(row.status): row.n for row in conn.execute(query)}


def has_queued(conn: sa.Connection) -> bool:
    """Return whether a job waits for a worker."""
    query = sa.select(_jobs.c.id).where(_jobs.c.status == JobStatus.QUEUED.value).limit(1)
    return conn.execute(query).first() is not None


def claim_next_job(conn: sa.Connection, now: datetime) -> Job | None:
    """Claim the oldest queued job, which then runs; None if there is none."""
    oldest = (
        sa.select(_jobs.c.id)
        .where(_jobs.c.status == JobStatus.QUEUED.value)
        .order_by(_jobs.c.id)
        .limit(1)
    )
    job_id = conn.execute(oldest).scalar()
    return None if job_id is None else claim_job(conn, job_id, now)


def claim_job(conn: sa.Connection, job_id: int, now: datetime) -> Job:
    """Claim a queued job; raises `Conflict` if it is not queued any more."""
    claimed = conn.execute(
        _jobs.update()
        .where(_jobs.c.id == job_id, _jobs.c.status == JobStatus.QUEUED.value)
        .values(
            status=JobStatus.RUNNING.value, started_at=now, heartbeat_at=now, message="starting"
        )
    )
    if claimed.rowcount == 0:
        raise Conflict(f"Job {job_id} is not waiting any more; nothing was started.")
    return get_job(conn, job_id)


def save_heartbeat(conn: sa.Connection, job_id: int, pid: int, now: datetime) -> Job:
    """Record that the job's process lives; return the job, with a request to cancel if there is
    one. A job that was taken for lost runs again, since its process knows better."""
    job = get_job(conn, job_id)
    if job.status not in _ALIVE:
        return job
    values = {"heartbeat_at": now, "n_heartbeats": job.n_heartbeats + 1, "pid": pid}
    if job.status is JobStatus.LOST:
        values |= {"status": JobStatus.RUNNING.value, "finished_at": None, "error": None}
        append_line(conn, job_id, "its process was not heard for a while, and goes on", now)
    conn.execute(_jobs.update().where(_jobs.c.id == job_id).values(**values))
    return get_job(conn, job_id)


def save_progress(
    conn: sa.Connection, job_id: int, progress: float, message: str, now: datetime
) -> None:
    """Record the progress of a running job (share 0..1), and add the message to its log."""
    conn.execute(
        _jobs.update()
        .where(_jobs.c.id == job_id, _jobs.c.status == JobStatus.RUNNING.value)
        .values(
            progress=progress,
            message=message,
            heartbeat_at=now,
            n_heartbeats=_jobs.c.n_heartbeats + 1,
        )
    )
    append_line(conn, job_id, message, now)


def append_line(conn: sa.Connection, job_id: int, line: str, now: datetime) -> None:
    """Append a line to a job's log."""
    conn.execute(_lines.insert().values(job_id=job_id, at=now, line=line))


def save_outcome(
    conn: sa.Connection,
    job_id: int,
    status: JobStatus,
    *,
    result: Mapping[str, object] | None,
    error: str | None,
    now: datetime,
    knows: bool = False,
) -> bool:
    """End a queued or running job; return False if it had ended. A process that `knows`, since it
    did the work, also ends a job that others took for lost."""
    endable = [*_OPEN, JobStatus.LOST.value] if knows else _OPEN
    ended = conn.execute(
        _jobs.update()
        .where(_jobs.c.id == job_id, _jobs.c.status.in_(endable))
        .values(
            status=status.value,
            finished_at=now,
            result=None if result is None else dict(result),
            error=error,
            message=error or status.value,
            **({"progress": 1.0} if status is JobStatus.DONE else {}),
        )
    )
    if ended.rowcount and error:
        append_line(conn, job_id, error, now)
    return bool(ended.rowcount)


def request_cancel(conn: sa.Connection, job_id: int, by: str, now: datetime) -> Job:
    """Request a job to stop: a queued one ends at once, a running one at its next step, in the name
    of the first who asked. Raises `Conflict` if it has ended."""
    job = get_job(conn, job_id)
    if job.status is JobStatus.QUEUED:
        save_outcome(
            conn,
            job_id,
            JobStatus.CANCELLED,
            result=None,
            error=f"Cancelled by {by} before it started.",
            now=now,
        )
    elif job.status is JobStatus.RUNNING:
        conn.execute(
            _jobs.update()
            .where(_jobs.c.id == job_id, _jobs.c.cancel_requested_by.is_(None))
            .values(cancel_requested_by=by)
        )
    else:
        raise Conflict(f"Job {job_id} has ended already ({job.status}); there is nothing to stop.")
    return get_job(conn, job_id)


def get_job(conn: sa.Connection, job_id: int) -> Job:
    """Return a job; raises `NotFound`."""
    row = conn.execute(sa.select(_jobs).where(_jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {job_id}: `jobs` lists those that exist.")
    return _job(row)


def load_jobs(conn: sa.Connection, limit: int, kinds: list[str] | None = None) -> list[Job]:
    """Return the newest jobs, newest first, of all kinds unless named."""
    query = sa.select(_jobs).order_by(_jobs.c.id.desc()).limit(limit)
    if kinds is not None:
        query = query.where(_jobs.c.kind.in_(kinds))
    return [_job(row) for row in conn.execute(query)]


def load_running_jobs(conn: sa.Connection) -> list[Job]:
    """Return the jobs that a process runs, or ran when it died."""
    query = sa.select(_jobs).where(_jobs.c.status == JobStatus.RUNNING.value).order_by(_jobs.c.id)
    return [_job(row) for row in conn.execute(query)]


def load_lines(conn: sa.Connection, job_id: int, limit: int) -> list[tuple[datetime, str]]:
    """Return the last lines of a job's log, oldest first."""
    rows = conn.execute(
        sa.select(_lines.c.at, _lines.c.line)
        .where(_lines.c.job_id == job_id)
        .order_by(_lines.c.id.desc())
        .limit(limit)
    ).all()
    return [(row.at, row.line) for row in reversed(rows)]


def _job(row: Any) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        args=row.args,
        status=JobStatus(row.status),
        requested_at=row.requested_at,
        requested_by=row.requested_by,
        reason=row.reason,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
        n_heartbeats=row.n_heartbeats,
        finished_at=row.finished_at,
        pid=row.pid,
        progress=row.progress,
        message=row.message,
        result=row.result,
        error=row.error,
        cancel_requested_by=row.cancel_requested_by,
    )
