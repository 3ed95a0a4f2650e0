"""Shadow scores: second scores of answered requests, made in a thread that no answer waits for."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.domain.prediction import Prediction
from core.domain.trial import ShadowOutcome, ShadowScore

_MAX_BATCH = 500


@dataclass(frozen=True, slots=True)
class ShadowAsk:
    """An answered request, and the version that scores it a second time."""

    answered: Prediction
    version: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    ask: ShadowAsk
    since: float


class Shadow:
    """Scores the rows that it is offered, batch by batch, and passes on a result for each: scored,
    failed, late (not scored within the time limit) or dropped (too many waited).

    The limit does not interrupt a running score: rows that wait behind it become late, and further
    rows are dropped, while answers go on."""

    def __init__(
        self,
        score: Callable[[Sequence[ShadowAsk]], list[float | str]],
        keep: Callable[[list[ShadowScore]], None],
        *,
        timer: Callable[[], float],
        limit_seconds: float,
        max_waiting_rows: int,
    ) -> None:
        """`score` returns for each row a score or the reason why there is none; `timer` counts
        seconds."""
        self._score = score
        self._keep = keep
        self._timer = timer
        self._limit_seconds = limit_seconds
        self._max_waiting_rows = max_waiting_rows
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def offer(self, asks: Sequence[ShadowAsk]) -> None:
        """Queue rows to score, without waiting; after `close` they are ignored."""
        if not asks:
            return
        now = self._timer()
        with self._changed:
            if self._closing:
                return
            room = self._max_waiting_rows - len(self._waiting)
            self._waiting.extend(_Waiting(ask, now) for ask in asks[:room])
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
                self._thread.start()
            self._changed.notify()
        if len(asks) > room:
            self._keep(
                [_missing(ask, ShadowOutcome.DROPPED, "Too many waited.") for ask in asks[room:]]
            )

    def close(self) -> None:
        """Score the queued rows, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while batch := self._take():
            self._keep(self._work(batch))

    def _take(self) -> list[_Waiting]:
        """Wait for rows and return the next ones; none if it is closed and the queue is empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return [self._waiting.popleft() for _ in range(min(_MAX_BATCH, len(self._waiting)))]

    def _work(self, batch: list[_Waiting]) -> list[ShadowScore]:
        started = self._timer()
        late = [row.ask for row in batch if started - row.since > self._limit_seconds]
        timely = [row for row in batch if started - row.since <= self._limit_seconds]
        rows = [_missing(ask, ShadowOutcome.LATE, "It waited too long.") for ask in late]
        if not timely:
            return rows
        scores = self._score([row.ask for row in timely])
        ended = self._timer()
        latency_ms = (ended - started) * 1000 / len(timely)
        for row, score in zip(timely, scores, strict=True):
            if ended - row.since > self._limit_seconds:
                why = f"It took longer than {self._limit_seconds:g} s."
                rows.append(_missing(row.ask, ShadowOutcome.LATE, why, latency_ms))
            elif isinstance(score, str):
                rows.append(_missing(row.ask, ShadowOutcome.FAILED, score, latency_ms))
            else:
                rows.append(_scored(row.ask, score, latency_ms))
        return rows


def _scored(ask: ShadowAsk, score: float, latency_ms: float) -> ShadowScore:
    return ShadowScore(ask.answered.id, ask.version, ShadowOutcome.SCORED, score, latency_ms, None)


def _missing(
    ask: ShadowAsk, outcome: ShadowOutcome, why: str, latency_ms: float = 0.0
) -> ShadowScore:
    return ShadowScore(ask.answered.id, ask.version, outcome, None, latency_ms, why)
