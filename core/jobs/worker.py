"""The worker: a process that does nothing but run the scheduler thread."""

import signal
import threading

from core.bootstrap import App
from core.jobs.scheduler import Scheduler


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
