"""`POST /v1/predict/batch`: the answers to many rows, decoded, scored and logged in one thread."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.domain.prediction import Prediction, Route
from core.serving.answer import Ask
from core.serving.columns import build_asks, read_json_columns
from core.serving.log.prediction_log import Kept
from core.serving.schemas import (
    ErrorAnswer,
    ErrorDetail,
    PredictBatchAnswer,
    build_answer,
    build_ask,
    build_batch_answer,
    decode_batch,
)
from core.serving.telemetry.metrics import ServiceMetrics
from core.web.http import build_unscored, json_response, note_logged
from core.web.scoring.scoring_route import ScoringRoute, Serving
from core.web.sharing import Turn

_N_THREADS = 2  # batches that are scored at the same time; single rows do not wait for them


@dataclass(frozen=True, slots=True)
class _Done:
    """A response, with the receipts of the writes that it has to wait for."""

    response: Response
    receipts: Sequence[Kept]
    count: Callable[[ServiceMetrics], None]


class BatchRoute(ScoringRoute[Response]):
    """Score up to 10,000 rows, in their order; each request runs in one thread."""

    def __init__(self, serving: Serving, *, body_limit: int) -> None:
        super().__init__(serving, body_limit=body_limit)
        self._threads = ThreadPoolExecutor(_N_THREADS, thread_name_prefix="batches")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.answer(scope, receive)
        note_logged(scope, response)
        await response(scope, receive, send)

    async def _score(self, content: bytes, turn: Turn, at: datetime, started: float) -> Response:
        turn.started = self._service.timer()
        loop = asyncio.get_running_loop()
        done = await loop.run_in_executor(self._threads, self._do, content, turn, at, started)
        for receipt in done.receipts:
            await self._serving.log_wait.wait(receipt)
        done.count(self._serving.metrics)
        return done.response

    def _do(self, content: bytes, turn: Turn, at: datetime, started: float) -> _Done:
        """Score and log the rows of a body, by columns where possible and else row by row."""
        asked = read_json_columns(content)
        batch, key_id = None, turn.account.key_id
        if asked is not None:
            batch = self._service.predictor.answer_columns(asked, at, started, key_id)
        if batch is not None:
            kept = self._service.log_batch(batch)
            response = json_response(200, build_batch_answer(batch))
            return _Done(response, [kept] if kept else [], lambda to: to.count_batch(batch))
        asks = _decode(content) if asked is None else build_asks(asked)
        for ask in asks:
            ask.key_id = key_id
        answers = self._service.predictor.answer(asks, at, started, Route.BATCH)
        receipts = self._service.log(answers)
        if all(answer.score is None for answer in answers):
            response = _refuse(answers)
        else:
            shown = PredictBatchAnswer([build_answer(answer) for answer in answers])
            response = json_response(200, shown)
        return _Done(response, receipts, lambda to: to.count_predictions(answers))


def _decode(content: bytes) -> list[Ask]:
    return [build_ask(row, f"rows[{i}].") for i, row in enumerate(decode_batch(content))]


def _refuse(answers: Sequence[Prediction]) -> Response:
    """Return the answer to a batch in which no row has a score."""
    detail = ErrorDetail(str(answers[0].reason))
    shown = [build_answer(answer) for answer in answers]
    sources = [answer.source for answer in answers]
    return build_unscored(sources, ErrorAnswer(detail, predictions=shown))
