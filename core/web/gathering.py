"""Single rows that come in the same turn of the event loop: scored, logged and answered at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.prediction import Prediction
from core.serving.answer import Received
from core.serving.metrics import ServiceMetrics
from core.serving.service import PredictionService
from core.web.waiting import LogWait


@dataclass(slots=True)
class Answered:
    """Predictions on disk, in the order of their requests, and what they took together."""

    predictions: Sequence[Prediction]
    answer_seconds: float
    log_seconds: float


@dataclass(slots=True)
class _Group:
    rows: list[Received]
    work: "asyncio.Task[Answered]"


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

    async def answer(self, row: Received) -> tuple[Answered, int]:
        """The group of a row when it is on disk, and the row's place in it. Raises `Unavailable`
        where it could not be logged."""
        group = self._open
        if group is None:
            rows: list[Received] = []
            # the task begins when all that is ready now has run, and thus has joined the group
            group = self._open = _Group(rows, asyncio.create_task(self._work(rows)))
        place = len(group.rows)
        group.rows.append(row)
        return await asyncio.shield(group.work), place  # a caller who leaves takes no one along

    async def _work(self, rows: Sequence[Received]) -> Answered:
        self._open = None
        service = self._service
        started = service.timer()
        predictions = service.answer_together(rows)
        scored = service.timer()
        if not service.log_at_once(predictions):
            for receipt in service.log(predictions):
                await self._log_wait.wait(receipt)
        self._metrics.count_predictions(predictions)
        return Answered(predictions, scored - started, service.timer() - scored)
