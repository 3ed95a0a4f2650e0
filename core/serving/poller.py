"""A poller: a thread that looks at the store at intervals, so that nobody has to notify it."""

import threading
from collections.abc import Callable

from core.errors import OpsError
from core.log import get_logger

log = get_logger(__name__)


class Follower:
    """Calls `look` at intervals from `start` to `stop`. An operational error is logged once, not at
    every look, and `look` is called again nevertheless."""

    def __init__(self, name: str, look: Callable[[], None], every_seconds: float) -> None:
        self._name = name
        self._look = look
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after the current look."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            try:
                self._look()
            except OpsError as error:
                self._report(str(error))
            else:
                self._report("")

    def _report(self, trouble: str) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble:
            log.warning("cannot_follow", follower=self._name, error=trouble)
        else:
            log.info("follows_again", follower=self._name)
