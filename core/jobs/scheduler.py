"""The scheduler thread: under its lease it runs the scheduled tasks and the jobs."""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from datetime import timedelta

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from core.alerts.clock_jumps import note_jump
from core.bootstrap import App
from core.clock import TURNED, Unchanged, WallWatch, steady_seconds, utc_now
from core.domain.installation import ClockJump
from core.domain.job import LEASE_DURATION, SCHEDULER, Lease
from core.errors import OpsError
from core.jobs.children import Children
from core.jobs.schedule import TASKS, Task
from core.log import get_logger
from core.store.jobs import schedule

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
        steady: Callable[[], float] = steady_seconds,
    ) -> None:
        """`patience_seconds` lets another process be first: the dashboard leaves the work to the
        worker where there is one."""
        # two containers may have the same host name and process number: the token tells them apart
        self.holder = f"{role}:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._app, self._tasks, self._patience_seconds = app, tasks, patience_seconds
        self._steady, self._wall = steady, WallWatch()
        self._jumps: list[ClockJump] = []  # that the store does not know yet
        self._other = Unchanged(blind_seconds=LEASE_DURATION / timedelta(seconds=1.5))
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
        children = Children(self._app.db, self._app.values, self._steady)
        try:
            self._stopped.wait(self._patience_seconds)
            while not self._stopped.is_set():
                if self._is_ours(self._claim()):
                    self._work(children)
                self._step(children, leads=False)
                self._stopped.wait(_RENEW_SECONDS)
        finally:
            children.stop(self._app.now())
            self._release()

    def _work(self, children: Children) -> None:
        """Run everything until somebody else has the lease. While the store is away nobody can take
        it, and what runs goes on; so do, to their end, the jobs that were started here before
        somebody else took over."""
        log.info("lease_taken", holder=self.holder)
        self._find_jump()
        tasks = self._start_tasks()
        renewed = self._steady()
        try:
            while not self._stopped.wait(_STEP_SECONDS):
                if self._steady() - renewed >= _RENEW_SECONDS:
                    lease = self._claim()
                    if lease is not None and not self._is_ours(lease):
                        log.warning("lease_lost", holder=self.holder, to=lease.holder)
                        return
                    renewed = self._steady()
                self._watch_clock(tasks)
                self._step(children, leads=True)
        finally:
            tasks.shutdown(wait=True)

    def _watch_clock(self, tasks: BackgroundScheduler) -> None:
        """Run every task now where somebody set the wall clock, by which APScheduler goes: it would
        wait until the clock is there again. Record the jump, at a later step where the store is
        away."""
        now = self._app.now()
        turned = self._wall.look(now, self._steady())
        if turned:
            self._jumps.append(ClockJump(now, socket.gethostname(), turned))
            for job in tasks.get_jobs():
                job.modify(next_run_time=utc_now())  # by the clock that APScheduler reads
        try:
            while self._jumps:
                note_jump(self._app.db, self._jumps[0])
                del self._jumps[0]
        except OpsError as error:
            log.error("clock_jump_not_recorded", error=str(error))

    def _find_jump(self) -> None:
        """Note a clock that is behind what the last worker wrote, since somebody set it back while
        none ran; from now on each change is seen."""
        now, self._wall = self._app.now(), WallWatch()
        self._wall.look(now, self._steady())
        try:
            with self._app.db.read() as conn:
                ends = [task.last_finished_at for task in schedule.load_tasks(conn)]
        except OpsError as error:
            log.error("clock_not_checked", error=str(error))
            return
        last = max((end for end in ends if end is not None), default=now)
        if last - now > TURNED:
            seconds = (now - last).total_seconds()
            self._jumps.append(ClockJump(now, socket.gethostname(), seconds))

    def _step(self, children: Children, *, leads: bool) -> None:
        try:
            children.step(self._app.now(), leads=leads)
        except OpsError as error:  # the store is away for a moment; the next step tries again
            log.error("jobs_step_failed", error=str(error))

    def _claim(self) -> Lease | None:
        """Take or extend the lease, and return it whoever holds it; None while the store is away.
        Another's is taken once it did not change for as long as it lasts."""
        try:
            with self._app.db.write() as conn:
                lease = schedule.find_lease(conn, SCHEDULER)
                unchanged = self._other.look(lease, self._steady())
                stale = lease if unchanged >= LEASE_DURATION.total_seconds() else None
                return schedule.claim_lease(
                    conn, SCHEDULER, self.holder, self._app.now(), stale=stale
                )
        except OpsError as error:
            log.error("lease_not_claimed", error=str(error))
            return None

    def _is_ours(self, lease: Lease | None) -> bool:
        return lease is not None and lease.holder == self.holder

    def _release(self) -> None:
        try:
            with self._app.db.write() as conn:
                schedule.release_lease(conn, SCHEDULER, self.holder)
        except OpsError as error:  # it expires by itself
            log.error("lease_not_released", error=str(error))

    def _start_tasks(self) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        scheduler.add_listener(self._record_error, EVENT_JOB_ERROR)
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
        try:
            self._do_task(task)
        except OpsError as error:  # the store is away; the next run tries again
            log.error("task_not_recorded", task=task.name, error=str(error))

    def _do_task(self, task: Task) -> None:
        started_at, started = self._app.now(), self._steady()
        with self._app.db.write() as conn:
            schedule.save_started(conn, task.name, task.every_seconds, started_at)
        try:
            outcome, error = task.run(self._app), None
        except OpsError as failure:
            outcome, error = None, str(failure)
            log.error("task_failed", task=task.name, error=error)
        now = self._app.now()
        left = max(task.every_seconds - (self._steady() - started), 0.0)
        with self._app.db.write() as conn:
            schedule.save_finished(conn, task.name, task.every_seconds, outcome, error, now)
            schedule.save_next_run(
                conn, task.name, task.every_seconds, now + timedelta(seconds=left)
            )

    def _record_error(self, event: JobExecutionEvent) -> None:
        """A task raised something that is a bug: say so where the operator looks."""
        log.error("task_crashed", task=event.job_id, traceback=event.traceback)
        every = next(task.every_seconds for task in self._tasks if task.name == event.job_id)
        message = f"A bug: {type(event.exception).__name__}: {event.exception}. The log has more."
        try:
            with self._app.db.write() as conn:
                schedule.save_finished(conn, event.job_id, every, None, message, self._app.now())
        except OpsError as error:
            log.error("task_not_recorded", task=event.job_id, error=str(error))


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
