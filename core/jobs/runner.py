"""Running one job to its end, with its heartbeat, in whatever process was given it."""

import os
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime

from core.audit.attempt import attempt
from core.bootstrap import App, local_actor
from core.domain.actor import JOB_ACTS, Actor
from core.domain.job import Job, JobStatus, Progress
from core.errors import Cancelled, Incomplete, OpsError, Refused, Unavailable
from core.jobs.tasks import check_queued, run_task
from core.log import get_logger
from core.safety.masking import mask
from core.store.jobs import jobs

HEARTBEAT_SECONDS = 2.0
STORE_PATIENCE_SECONDS = 600.0
"""The time for which work waits for a store that is away, rather than being lost."""

log = get_logger(__name__)


def do_job(
    app: App,
    kind: str,
    args: dict[str, object],
    reason: str,
    *,
    by: Actor | None = None,
    on_progress: Progress | None = None,
) -> Job:
    """Do a job here and now, as a row like every other, in the name of `by` or of the local user;
    return it as it ended. It may name any file that its caller may. Raises `Refused` with its
    sentence where it did not end well, and `Incomplete` where some of it did."""
    by, now = by or local_actor(app.settings), app.now()
    with (
        attempt(app.db, by, JOB_ACTS[kind], f"{kind} job", now=now, reason=reason) as act,
        act.write() as conn,
    ):
        waiting = jobs.append_job(conn, kind, args, by=by.name, reason=reason, now=now)
        job = jobs.claim_job(conn, waiting.id, now)
        act.note(after={"job": job.id})
    return _get_done(run_job(app, job, on_progress, queued=False))


def finish_job(app: App, job: Job, on_progress: Progress | None = None) -> Job:
    """Do a claimed job and return it as it ended; raises as `do_job` does."""
    return _get_done(run_job(app, job, on_progress))


def _get_done(ended: Job) -> Job:
    if ended.status is JobStatus.DONE:
        return ended
    sentence = ended.error or f"Job {ended.id} ended as {ended.status}."
    if ended.result is not None:
        raise Incomplete(sentence, dict(ended.result))
    raise Refused(sentence)


def run_job(app: App, job: Job, on_progress: Progress | None = None, *, queued: bool = True) -> Job:
    """Do the work of a job claimed by this process, record its outcome, and return the job. An
    error never leaves here: it is the job's outcome. `on_progress` gets the progress that the row
    gets. A `queued` job may name only our own files."""
    log.info("job_started", job_id=job.id, kind=job.kind)
    with app.db.wait_for_store(STORE_PATIENCE_SECONDS):
        with _Heartbeat(app, job, on_progress) as heartbeat:
            status, result, error = _attempt(app, job, heartbeat, queued)
        with app.db.write() as conn:
            jobs.save_outcome(
                conn, job.id, status, result=result, error=error, now=app.now(), knows=True
            )
            ended = jobs.get_job(conn, job.id)
    log.info("job_ended", job_id=job.id, status=ended.status.value, error=ended.error)
    return ended


def _attempt(
    app: App, job: Job, heartbeat: "_Heartbeat", queued: bool
) -> tuple[JobStatus, Mapping[str, object] | None, str | None]:
    try:
        if queued:
            check_queued(app, job)
        return JobStatus.DONE, run_task(app, job, heartbeat.report), None
    except (Cancelled, KeyboardInterrupt) as error:
        kept = getattr(error, "kept", None)
        return JobStatus.CANCELLED, kept, _describe_cancel(heartbeat.cancelled_by, job, kept)
    except Incomplete as error:
        return JobStatus.FAILED, error.result, str(error)
    except OpsError as error:
        return JobStatus.FAILED, None, str(error)
    except MemoryError:
        return (
            JobStatus.FAILED,
            None,
            "The machine ran out of memory: use fewer rows, or a larger one.",
        )
    except Exception as error:  # the job wrapper: a bug is recorded with its traceback
        with app.db.write() as conn:
            jobs.append_line(conn, job.id, mask(traceback.format_exc()), app.now())
        log.exception("job_crashed", job_id=job.id)
        return (
            JobStatus.FAILED,
            None,
            f"Plumbline has a bug here ({type(error).__name__}: {mask(str(error))}); the job's "
            "log has the "
            "traceback to report.",
        )


def _describe_cancel(by: str | None, job: Job, kept: Mapping[str, object] | None) -> str:
    who = by or job.requested_by
    if job.kind == "predict":
        return f"Cancelled by {who}; the same command continues with what is scored."
    if kept is None:
        return f"Cancelled by {who}; nothing half done was kept."
    return (
        f"Cancelled by {who}; no version was made. The search had tried {kept['n_combinations']} "
        f"combinations; `train {job.args['recipe']} --found-by {job.id}` trains with the best."
    )


class _Heartbeat:
    """Records every two seconds that the process lives, and reads whether the job is cancelled.
    What the store does not take is kept and told by a later beat: a store that is away is no reason
    to lose the work."""

    def __init__(self, app: App, job: Job, on_progress: Progress | None) -> None:
        self._app, self._job, self._on_progress = app, job, on_progress
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job.id}", daemon=True)
        self._lock = threading.Lock()  # of what follows
        self._untold: list[tuple[float, str, datetime]] = []
        self._away = False  # the store, at the last try
        self.cancelled_by: str | None = None

    def __enter__(self) -> "_Heartbeat":
        self._save()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._try(self._tell)

    def report(self, share: float, message: str) -> None:
        """The job's progress callback; raises `Cancelled` once somebody asked for it."""
        if self.cancelled_by:
            raise Cancelled(f"Cancelled by {self.cancelled_by}.")
        with self._lock:
            self._untold.append((share, message, self._app.now()))
        if not self._away:
            self._try(self._tell)
        if self._on_progress is not None:
            self._on_progress(share, message)

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_SECONDS):
            self._try(self._save)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
            self._away = False
        except Unavailable as error:
            self._away = True
            log.warning("heartbeat_missed", job_id=self._job.id, error=str(error))

    def _save(self) -> None:
        with self._app.db.write(waits=False) as conn:
            job = jobs.save_heartbeat(conn, self._job.id, os.getpid(), self._app.now())
        self.cancelled_by = job.cancel_requested_by
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            if not self._untold:
                return
            with self._app.db.write(waits=False) as conn:
                for share, message, at in self._untold:
                    jobs.save_progress(conn, self._job.id, share, message, at)
            self._untold.clear()
