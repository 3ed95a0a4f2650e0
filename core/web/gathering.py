"""Single rows that come in the same turn of the event loop: scored, logged and answered at once."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from core.domain.prediction import Prediction
from core.serving.answer import Received
from core.serving.metrics import ServiceMetrics
from core.serving.service import PredictionService
from core.web.waiting import LogWait

_N_READERS = 2


@dataclass(slots=True)
class Answered:
    """A prediction on disk, and what its group took together."""

    prediction: Prediction
    answer_seconds: float
    log_seconds: float


@dataclass(slots=True)
class _Group:
    rows: list[Received] = field(default_factory=list)
    waiting: "list[asyncio.Future[Answered]]" = field(default_factory=list)

    def settle(self, work: "asyncio.Task[list[Answered]]") -> None:
        """Tell everyone who still waits what came of the work."""
        error = work.exception()
        for place, waits in enumerate(self.waiting):
            if waits.done():  # its caller has left, and takes no one along
                continue
            if error is None:
                waits.set_result(work.result()[place])
            else:
                waits.set_exception(error)


class Gathering:
    """Answers rows in groups, on the event loop of one process. Nobody waits for company: a group
    holds what came since the loop last looked at its connections."""

    def __init__(
        self,
        service: PredictionService,
        metrics: ServiceMetrics,
        log_wait: LogWait,
        *,
        limit_ms: float,
    ) -> None:
        """`limit_ms` is the time for texts and histories, where what answers reads them: they are
        read beside the event loop, and the heuristic answers for what takes longer."""
        self._service = service
        self._metrics = metrics
        self._log_wait = log_wait
        self._limit_ms = limit_ms
        self._readers = ThreadPoolExecutor(_N_READERS, thread_name_prefix="reading")
        self._open: _Group | None = None

    def answer(self, row: Received) -> "asyncio.Future[Answered]":
        """The promise of a row's answer, on disk. It raises `Unavailable` where the row could not
        be logged."""
        loop = asyncio.get_running_loop()
        group = self._open
        if group is None:
            group = self._open = _Group()
            # the task begins when all that is ready now has run, and thus has joined the group
            loop.create_task(self._work(group.rows)).add_done_callback(group.settle)
        waits: asyncio.Future[Answered] = loop.create_future()
        group.rows.append(row)
        group.waiting.append(waits)
        return waits

    async def _work(self, rows: Sequence[Received]) -> list[Answered]:
        self._open = None
        service = self._service
        started = service.timer()
        in_time = not service.reads_beside
        predictions = service.answer_together(rows) if in_time else await self._read_beside(rows)
        scored = service.timer()
        if not service.log_at_once(predictions):
            for receipt in service.log(predictions):
                await self._log_wait.wait(receipt)
        self._metrics.count_predictions(predictions)
        answer_seconds, log_seconds = scored - started, service.timer() - scored
        return [Answered(one, answer_seconds, log_seconds) for one in predictions]

    async def _read_beside(self, rows: Sequence[Received]) -> list[Prediction]:
        """The answers to rows whose texts or histories are read in a thread, or, where that takes
        too long, without a model; what has not begun by then is not done."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._readers, self._service.answer_together, rows)
        try:
            return await asyncio.wait_for(work, self._limit_ms / 1000)
        except TimeoutError:
            self._metrics.count_late(len(rows))
            late = f"its text and history took longer than {self._limit_ms:g} ms"
            return self._service.answer_together(rows, late)
