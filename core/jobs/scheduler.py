"""The scheduler thread: under its lease it runs the scheduled tasks and the jobs."""

import os
import signal
import socket
import threading
from datetime import datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from core.bootstrap import App
from core.domain.job import SCHEDULER
from core.errors import OpsError
from core.jobs.children import Children
from core.jobs.schedule import TASKS, Task
from core.log import get_logger
from core.store.jobs import schedule

LEASE_DURATION = timedelta(seconds=15)
_RENEW_SECONDS = 4.0
_STEP_SECONDS = 0.5

log = get_logger(__name__)


class Scheduler:
    """Started in the dashboard's server and in the worker; the one that holds the lease works,
    the other waits and takes over when the lease expires."""

    def __init__(
        self,
        app: App,
        role: str,
        *,
        patience_seconds: float = 0.0,
        tasks: tuple[Task, ...] = TASKS,
    ) -> None:
        """`patience_seconds` lets another process be first: the dashboard leaves the work to the
        worker where there is one."""
        self.holder = f"{role}:{socket.gethostname()}:{os.getpid()}"
        self._app, self._tasks, self._patience_seconds = app, tasks, patience_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plumbline-scheduler", daemon=True)

    def start(self) -> None:
        """Start competing for the lease; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the tasks and the children, give the lease back, and wait until that is done."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        self._stopped.wait(self._patience_seconds)
        while not self._stopped.is_set():
            if self._claim():
                self._work()
            self._stopped.wait(_RENEW_SECONDS)

    def _work(self) -> None:
        """Run everything for as long as the lease is ours."""
        log.info("lease_taken", holder=self.holder)
        children = Children(self._app.db, self._app.values)
        tasks = self._start_tasks()
        renewed_at = self._app.now()
        try:
            while not self._stopped.wait(_STEP_SECONDS):
                now = self._app.now()
                if (now - renewed_at).total_seconds() >= _RENEW_SECONDS:
                    if not self._claim():
                        log.warning("lease_lost", holder=self.holder)
                        return
                    renewed_at = now
                self._step(children, now)
        finally:
            tasks.shutdown(wait=True)
            children.stop(self._app.now())
            self._release()

    def _step(self, children: Children, now: datetime) -> None:
        try:
            children.step(now)
        except OpsError as error:  # the store is away for a moment; the next step tries again
            log.error("jobs_step_failed", error=str(error))

    def _claim(self) -> bool:
        try:
            with self._app.db.write() as conn:
                return schedule.claim_lease(
                    conn, SCHEDULER, self.holder, LEASE_DURATION, self._app.now()
                )
        except OpsError as error:
            log.error("lease_not_claimed", error=str(error))
            return False

    def _release(self) -> None:
        try:
            with self._app.db.write() as conn:
                schedule.release_lease(conn, SCHEDULER, self.holder)
        except OpsError as error:  # it expires by itself
            log.error("lease_not_released", error=str(error))

    def _start_tasks(self) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 300},
        )
        scheduler.add_listener(self._record_error, EVENT_JOB_ERROR)
        scheduler.add_listener(
            lambda event: log.warning("task_missed", task=event.job_id), EVENT_JOB_MISSED
        )
        for task in self._tasks:
            scheduler.add_job(
                self._run_task,
                "interval",
                args=(task,),
                id=task.name,
                seconds=task.every_seconds,
                next_run_time=self._app.now(),
            )
        scheduler.start()
        return scheduler

    def _run_task(self, task: Task) -> None:
        """In a thread of APScheduler's, which must not be asked for anything here: its shutdown
        waits for this with its lock held."""
        started_at = self._app.now()
        with self._app.db.write() as conn:
            schedule.save_started(conn, task.name, task.every_seconds, started_at)
        try:
            outcome, error = task.run(self._app), None
        except OpsError as failure:
            outcome, error = None, str(failure)
            log.error("task_failed", task=task.name, error=error)
        now = self._app.now()
        next_run_at = started_at + timedelta(seconds=task.every_seconds)
        with self._app.db.write() as conn:
            schedule.save_finished(conn, task.name, task.every_seconds, outcome, error, now)
            schedule.save_next_run(conn, task.name, task.every_seconds, max(next_run_at, now))

    def _record_error(self, event: JobExecutionEvent) -> None:
        """A task raised something that is a bug: say so where the operator looks."""
        log.error("task_crashed", task=event.job_id, traceback=event.traceback)
        every = next(task.every_seconds for task in self._tasks if task.name == event.job_id)
        message = f"A bug: {type(event.exception).__name__}: {event.exception}. The log has more."
        with self._app.db.write() as conn:
            schedule.save_finished(conn, event.job_id, every, None, message, self._app.now())


def run_worker(app: App) -> None:
    """Run scheduled tasks and jobs until Ctrl-C or SIGTERM, then end them properly."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    scheduler = Scheduler(app, "worker")
    scheduler.start()
    stopping.wait()
    scheduler.stop()
    app.close()
