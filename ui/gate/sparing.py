"""A log that nobody can fill from outside: the first of many events, and later how many came."""

import time
from collections.abc import Callable

_PAUSE_SECONDS = 10.0


class Sparing:
    """Says which of many events to write: one in ten seconds, with how many it stands for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()
        self._n = 0

    def count(self) -> int:
        """Count an event; return how many there were since one was written, or 0 for silence."""
        self._n += 1
        if self._clock() < self._next:
            return 0
        n, self._n = self._n, 0
        self._next = self._clock() + _PAUSE_SECONDS
        return n
