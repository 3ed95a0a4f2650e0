"""Single rows that come in the same turn of the event loop: scored, logged and answered at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.domain.prediction import Prediction
from core.serving.answer import Received
from core.serving.metrics import ServiceMetrics
from core.serving.service import PredictionService
from core.web.waiting import LogWait


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
        self, service: PredictionService, metrics: ServiceMetrics, log_wait: LogWait
    ) -> None:
        self._service = service
        self._metrics = metrics
        self._log_wait = log_wait
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
        predictions = service.answer_together(rows)
        scored = service.timer()
        if not service.log_at_once(predictions):
            for receipt in service.log(predictions):
                await self._log_wait.wait(receipt)
        self._metrics.count_predictions(predictions)
        answer_seconds, log_seconds = scored - started, service.timer() - scored
        return [Answered(one, answer_seconds, log_seconds) for one in predictions]
