"""Micro-batching: single rows that arrive in one turn of the event loop are scored and logged
together."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.domain.prediction import Prediction
from core.errors import Unavailable
from core.serving.answer import Received
from core.serving.log.group_commit import CommitReceipt
from core.serving.service import PredictionService
from core.serving.telemetry.metrics import ServiceMetrics


class LogWait:
    """Awaits commit receipts on the event loop of one process."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._known: dict[Future[Any], asyncio.Future[Any]] = {}

    async def wait(self, receipt: "CommitReceipt[Any]") -> Any:
        """Return the result of a write. Raises the error of the write, and `Unavailable` if it
        takes longer than the limit."""
        written = self._known.get(receipt.written) or self._watch(receipt)
        results = await asyncio.shield(written)  # others wait for the same write
        return results[receipt.place]

    def _watch(self, receipt: "CommitReceipt[Any]") -> "asyncio.Future[Any]":
        loop, written = asyncio.get_running_loop(), receipt.written
        known = self._known[written] = loop.create_future()
        limit = loop.call_later(self._limit_seconds, self._give_up, receipt)

        def settle() -> None:
            limit.cancel()
            self._settle(written)

        written.add_done_callback(lambda _: loop.call_soon_threadsafe(settle))
        return known

    def _settle(self, written: "Future[Any]") -> None:
        known = self._known.pop(written, None)
        if known is None:
            return
        error = written.exception()
        if error is None:
            known.set_result(written.result())
        else:
            known.set_exception(error)

    def _give_up(self, receipt: "CommitReceipt[Any]", *, is_last: bool = False) -> None:
        """Answer those who wait that it was not written, and see to it that it is not; what is
        being written just now is waited for as long again."""
        if not receipt.abandon() and not is_last:
            again = partial(self._give_up, receipt, is_last=True)
            asyncio.get_running_loop().call_later(self._limit_seconds, again)
            return
        known = self._known.pop(receipt.written, None)
        if known is not None:
            why = (
                f"The log did not take it within {self._limit_seconds:g} s: the database is "
                "locked or too slow. Try again in a moment."
            )
            known.set_exception(Unavailable(why, public=why))


_N_READERS = 2


@dataclass(slots=True)
class Answered:
    """A prediction that is on disk, with the seconds that its group took to score and to log."""

    prediction: Prediction
    answer_seconds: float
    log_seconds: float


@dataclass(slots=True)
class _Group:
    rows: list[Received] = field(default_factory=list)
    waiting: "list[asyncio.Future[Answered]]" = field(default_factory=list)

    def settle(self, work: "asyncio.Task[list[Answered]]") -> None:
        """Give the results of the work, or its error, to every caller who still waits."""
        error = work.exception()
        for place, waits in enumerate(self.waiting):
            if waits.done():  # its caller has left; the others still get answers
                continue
            if error is None:
                waits.set_result(work.result()[place])
            else:
                waits.set_exception(error)


class Gathering:
    """Answers rows in groups, on the event loop of one process. No row waits for others: a group
    holds the rows that arrived since the loop last looked at its connections."""

    def __init__(
        self,
        service: PredictionService,
        metrics: ServiceMetrics,
        log_wait: LogWait,
        *,
        limit_ms: float,
    ) -> None:
        """`limit_ms` is the time to read texts and histories, if a version needs them. They are
        read in a thread, and the heuristic answers if that takes longer."""
        self._service = service
        self._predictor = service.predictor
        self._metrics = metrics
        self._log_wait = log_wait
        self._limit_ms = limit_ms
        self._readers = ThreadPoolExecutor(_N_READERS, thread_name_prefix="reading")
        self._open: _Group | None = None

    def answer(self, row: Received) -> "asyncio.Future[Answered]":
        """Return the future of a row's answer, which is set once the prediction is on disk. It
        raises `Unavailable` if the row could not be logged."""
        loop = asyncio.get_running_loop()
        group = self._open
        if group is None:
            group = self._open = _Group()
            # the task starts after all rows that are ready now have joined the group
            loop.create_task(self._work(group.rows)).add_done_callback(group.settle)
        waits: asyncio.Future[Answered] = loop.create_future()
        group.rows.append(row)
        group.waiting.append(waits)
        return waits

    async def score(self, rows: Sequence[Received]) -> list[Prediction]:
        """The answers to rows, not logged yet."""
        if self._predictor.is_slow:
            return await self._read_beside(rows)
        return self._predictor.answer_together(rows)

    async def _work(self, rows: Sequence[Received]) -> list[Answered]:
        self._open = None
        service = self._service
        started = service.timer()
        predictions = await self.score(rows)
        scored = service.timer()
        if not service.log_at_once(predictions):
            for receipt in service.log(predictions):
                await self._log_wait.wait(receipt)
        self._metrics.count_predictions(predictions)
        answer_seconds, log_seconds = scored - started, service.timer() - scored
        return [Answered(one, answer_seconds, log_seconds) for one in predictions]

    async def _read_beside(self, rows: Sequence[Received]) -> list[Prediction]:
        """Answer rows in a thread that reads their texts or histories. After the time limit the
        heuristic answers, and reading that has not begun is cancelled."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._readers, self._predictor.answer_together, rows)
        try:
            return await asyncio.wait_for(work, self._limit_ms / 1000)
        except TimeoutError:
            self._metrics.count_late(len(rows))
            late = f"its text and history took longer than {self._limit_ms:g} ms"
            return self._predictor.answer_together(rows, late)
