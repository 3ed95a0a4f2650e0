"""The child processes that do jobs: started, watched, stopped, and found when they die."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime

from core.clock import Unchanged, steady_seconds
from core.domain.job import FINAL, JobStatus, describe_loss
from core.errors import OpsError
from core.log import get_logger
from core.settings import PREFIX
from core.store.engine.database import Database
from core.store.jobs import jobs

MAX_CHILDREN = 2
CANCEL_GRACE_SECONDS = 10.0
DEAD_AFTER_SECONDS = 30.0
"""The time without a heartbeat, seen by somebody who looked all the while, after which a process is
taken for dead."""

log = get_logger(__name__)


class Children:
    """The jobs of one worker. `step` is called a few times a second and never waits. Times in rows
    are those of the wall clock, and how long something takes is measured by the steady one."""

    def __init__(
        self,
        db: Database,
        values: Mapping[str, str],
        steady: Callable[[], float] = steady_seconds,
    ) -> None:
        self._db, self._values, self._steady = db, values, steady
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._cancelled_at: dict[int, float] = {}  # of the steady clock
        self._others: dict[int, Unchanged] = {}  # jobs of other workers, which may be dead

    def step(self, now: datetime, *, leads: bool = True) -> None:
        """Collect ended children and end cancelled ones; for the worker that leads, start waiting
        jobs and find those of others that died."""
        self._reap(now)
        self._end_cancelled(now)
        if not leads:
            return
        self._find_dead(now)
        while len(self._running) < MAX_CHILDREN and self._start_next(now):
            pass

    def stop(self, now: datetime) -> None:
        """End every child; their jobs say why."""
        for child in self._running.values():
            child.terminate()
        for job_id, child in self._running.items():
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            try:
                self._end(job_id, JobStatus.LOST, "Plumbline was stopped while this ran.", now)
            except OpsError as error:  # the store is away: the next worker finds the job dead
                log.error("outcome_not_recorded", job_id=job_id, error=str(error))
        self._running.clear()

    def _start_next(self, now: datetime) -> bool:
        with self._db.read() as conn:  # the write lock is for when there is something to take
            if not jobs.has_queued(conn):
                return False
        with self._db.write() as conn:
            job = jobs.claim_next_job(conn, now)
        if job is None:
            return False
        environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        self._running[job.id] = subprocess.Popen(
            [sys.executable, "-m", "core", "run-job", str(job.id)],
            env={**environment, **self._values},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the worker, which then ends it properly
        )
        log.info("job_process_started", job_id=job.id, pid=self._running[job.id].pid)
        return True

    def _reap(self, now: datetime) -> None:
        for job_id, child in list(self._running.items()):
            code = child.poll()
            if code is None:
                continue
            self._end(job_id, JobStatus.LOST, _describe_death(code), now)
            del self._running[
                job_id
            ]  # after its end is recorded, which a store that is away delays
            self._cancelled_at.pop(job_id, None)

    def _end_cancelled(self, now: datetime) -> None:
        for job_id, child in self._running.items():
            with self._db.read() as conn:
                job = jobs.get_job(conn, job_id)
            if job.cancel_requested_by is None or job.status in FINAL:
                continue
            asked_at = self._cancelled_at.setdefault(job_id, self._steady())
            if self._steady() - asked_at >= CANCEL_GRACE_SECONDS:
                child.kill()
                message = f"Cancelled by {job.cancel_requested_by}; nothing half done was kept."
                self._end(job_id, JobStatus.CANCELLED, message, now)

    def _find_dead(self, now: datetime) -> None:
        with self._db.read() as conn:
            running = jobs.load_running_jobs(conn)
        others = [job for job in running if job.id not in self._running]
        watched = {job.id: self._others.get(job.id, _watch()) for job in others}
        self._others = watched
        for job in others:
            beat = (job.pid, job.n_heartbeats, job.progress)
            if watched[job.id].look(beat, self._steady()) > DEAD_AFTER_SECONDS:
                self._end(job.id, JobStatus.LOST, "Its process died without an outcome.", now)

    def _end(self, job_id: int, status: JobStatus, error: str, now: datetime) -> None:
        with self._db.write() as conn:
            job = jobs.get_job(conn, job_id)
            message = error if status is JobStatus.CANCELLED else describe_loss(job, error)
            if jobs.save_outcome(conn, job_id, status, result=None, error=message, now=now):
                log.warning("job_lost", job_id=job_id, status=status.value, error=message)


def _watch() -> Unchanged:
    return Unchanged(blind_seconds=DEAD_AFTER_SECONDS / 2)


def _describe_death(code: int) -> str:
    """Describe the exit code of a child that reported no outcome.

    >>> _describe_death(-9)
    'Its process was killed (signal 9; out of memory is the usual cause).'
    """
    if code in (-6, -9):  # a library that gets no memory aborts; the kernel kills
        return f"Its process was killed (signal {-code}; out of memory is the usual cause)."
    if code < 0:
        return f"Its process was killed (signal {-code})."
    return (  # OpenBLAS without threads exits with 1, after a line on the error output
        f"Its process ended without an outcome (exit code {code}; out of memory is one cause, and "
        "what it said last is in the worker's log)."
    )
