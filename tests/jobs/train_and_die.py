"""Does a claimed job as a process of its own that kills itself at a step, as the kernel does with
one that takes too much memory; or takes the memory away from itself before."""

import os
import resource
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from core.bootstrap import build_app
from core.jobs.runner import run_job
from core.store.jobs import jobs

SPARE_BYTES = 24 * 2**20


def die_at(step: str) -> None:
    """Kill this process, as no handler can see or delay."""
    os.kill(os.getpid(), signal.SIGKILL)


def take_memory_away() -> None:
    """Leave this process little more memory than it has by now."""
    n_pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = n_pages * os.sysconf("SC_PAGE_SIZE") + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(home: str, job_id: str, how: str, step: str) -> None:
    """Do the job, and at the step what was asked for."""
    app = build_app({"PLUMBLINE_HOME": home, "PLUMBLINE_USER": "ada"}, lambda: datetime.now(UTC))

    def watch(share: float, message: str) -> None:
        if message.startswith(step):
            take_memory_away() if how == "starve" else die_at(step)

    with app.db.read() as conn:
        job = jobs.get_job(conn, int(job_id))
    run_job(app, job, watch)
    app.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
