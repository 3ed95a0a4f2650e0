"""A program: a worker without scheduled tasks, whose one kind of job takes until somebody says so.

`python -m tests.time.worker ROLE SCALE` works until it is stopped; with a SCALE below 1 its lease,
heartbeats and patience are that much shorter. `python -m tests.time.worker JOB` does a job."""

import subprocess
import sys
import time
from typing import Any

from core.bootstrap import App, build_app
from core.domain.job import Job, Progress
from core.jobs import children, runner, scheduler, tasks
from core.store.engine import database
from core.store.jobs import jobs

GO_ON = "go_on"
"""The file in home after which the job ends."""


def shorten(scale: float) -> None:
    """Let everything that waits wait for a part of its time."""
    scheduler._RENEW_SECONDS *= scale
    scheduler._STEP_SECONDS *= scale
    scheduler.LEASE_DURATION *= scale
    children.DEAD_AFTER_SECONDS *= scale
    runner.HEARTBEAT_SECONDS *= scale
    database._BUSY_TIMEOUT_MS = round(database._BUSY_TIMEOUT_MS * scale)
    database._RETRY_SECONDS *= scale


def work_slowly(app: App, job: Job, progress: Progress) -> dict[str, Any]:
    """Report progress until it may end."""
    n_steps = 0
    while not (app.settings.home / GO_ON).exists():
        progress(0.5, "searching")
        n_steps += 1
        time.sleep(0.1)
    return {"version": "v3"}


def main(name: str, scale: float) -> None:
    """Work under a role, or do the job of a number."""
    shorten(scale)
    app = build_app()
    if name.isdigit():
        tasks.TASKS["train"] = work_slowly
        with app.db.read() as conn:
            job = jobs.get_job(conn, int(name))
        runner.run_job(app, job)
        return
    popen = subprocess.Popen

    def start(command: list[str], **given: Any) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "tests.time.worker", command[-1], str(scale)]
        return popen(program, **given)

    children.subprocess.Popen = start  # type: ignore[assignment,misc]
    scheduler.TASKS = ()
    make = scheduler.Scheduler
    scheduler.Scheduler = lambda app, _: make(app, name, tasks=())  # type: ignore[assignment,misc]
    scheduler.run_worker(app)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
