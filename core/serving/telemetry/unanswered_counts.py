"""Counts of requests that are not in the log, kept in memory until the store takes them."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from core.domain.monitoring import MINUTE, Unanswered, floor_time
from core.domain.prediction import AnswerSource

_MAX_KINDS = 5_000  # of counts that wait; then callers are no longer told apart


class UnansweredCounts:
    """The counts of one API process; added to by its event loop and taken by another thread."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._counts: Counter[Unanswered] = Counter()

    def add(self, route: str, source: AnswerSource, cause: str, caller: str) -> None:
        """Count one request that got this instead of an answer."""
        minute_at = floor_time(self._now(), MINUTE)
        kind = Unanswered(minute_at, route, source, cause, caller, 0)
        with self._lock:
            self._add(kind, 1)

    def take(self) -> list[Unanswered]:
        """Return what has been counted since the last time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return [replace(kind, n=n) for kind, n in counts.items()]

    def give_back(self, counts: Sequence[Unanswered]) -> None:
        """Add what was taken and could not be stored."""
        with self._lock:
            for one in counts:
                self._add(replace(one, n=0), one.n)

    def _add(self, kind: Unanswered, n: int) -> None:
        if kind not in self._counts and len(self._counts) >= _MAX_KINDS:
            kind = replace(kind, caller="")
        self._counts[kind] += n
