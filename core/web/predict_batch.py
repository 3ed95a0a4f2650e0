"""`POST /v1/predict/batch`: many rows to their answers, from the body to the log in one thread."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.domain.installation import Scope as KeyScope
from core.domain.prediction import Batch, Prediction
from core.serving.answer import Ask
from core.serving.columns import MIN_ROWS, AskedColumns, build_asks, read_json_columns
from core.serving.log.prediction_log import Kept
from core.serving.metrics import ServiceMetrics
from core.serving.schemas import (
    MAX_FEATURES,
    BadBody,
    ErrorAnswer,
    ErrorDetail,
    PredictBatchAnswer,
    PredictBatchBody,
    build_answer,
    build_ask,
    build_batch_answer,
    check_row_sizes,
    decode_body,
)
from core.serving.service import PredictionService
from core.web.admission import Admission
from core.web.http import (
    ARROW,
    JSON,
    accepts,
    get_media,
    json_response,
    read_body,
    read_headers,
)
from core.web.micro_batching import LogWait

_N_THREADS = 2  # batches that are scored at once; single rows do not wait for them
_JSON_OR_ARROW = frozenset({JSON, ARROW})


@dataclass(frozen=True, slots=True)
class _Done:
    """A response that may be given once what it says is on disk."""

    response: Response
    receipts: Sequence[Kept]
    count: Callable[[ServiceMetrics], None]


class BatchRoute:
    """Score up to 10,000 rows, in their order. They may come as an Arrow IPC stream, one column
    a feature and beside them unit_id, text and at, and are answered as one where Accept asks
    for it."""

    # A plain ASGI application, as `PredictRoute`; its thread is asked once a request.

    def __init__(
        self,
        service: PredictionService,
        admission: Admission,
        metrics: ServiceMetrics,
        log_wait: LogWait,
        *,
        body_limit: int,
    ) -> None:
        self._service = service
        self._admission = admission
        self._metrics = metrics
        self._log_wait = log_wait
        self._body_limit = body_limit
        self._threads = ThreadPoolExecutor(_N_THREADS, thread_name_prefix="batches")
        self._decoder = msgspec.json.Decoder(PredictBatchBody)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        started, at = self._service.timer(), self._service.now()
        headers = read_headers(scope)
        limit = self._body_limit
        turn = self._admission.admit_now(headers, KeyScope.PREDICT, limit)
        if turn is None:
            _, turn = await self._admission.admit(scope, headers, KeyScope.PREDICT, limit)
        try:
            content = await read_body(headers, receive, limit, _JSON_OR_ARROW)
            turn.started = self._service.timer()
            loop = asyncio.get_running_loop()
            done = await loop.run_in_executor(
                self._threads, self._do, headers, content, at, started
            )
            for receipt in done.receipts:
                await self._log_wait.wait(receipt)
        finally:
            self._admission.leave(turn)
        done.count(self._metrics)
        return done.response

    def _do(
        self, headers: Mapping[str, str], content: bytes, at: datetime, started: float
    ) -> _Done:
        """Score and log the rows of a body: by columns where it can be, else one by one."""
        is_arrow = get_media(headers.get("content-type")) == ARROW
        asked = _read_arrow(content) if is_arrow else read_json_columns(content)
        wants_arrow = accepts(headers, ARROW)
        batch = None
        if asked is not None and asked.n_rows >= MIN_ROWS:
            batch = self._service.answer_columns(asked, at, started)
        if batch is not None:
            kept = self._service.log_batch(batch)
            response = _encode_arrow(batch) if wants_arrow else _encode_json(batch)
            return _Done(response, [kept] if kept else [], lambda to: to.count_batch(batch))
        asks = self._decode(content) if asked is None else build_asks(asked)
        answers = self._service.answer(asks, at, started)
        receipts = self._service.log(answers)
        if all(answer.score is None for answer in answers):
            response = _refuse(answers)
        else:
            response = _encode_arrow(answers) if wants_arrow else _encode_json(answers)
        return _Done(response, receipts, lambda to: to.count_predictions(answers))

    def _decode(self, content: bytes) -> list[Ask]:
        check_row_sizes(content)
        body = decode_body(self._decoder, content)
        return [build_ask(row, f"rows[{i}].") for i, row in enumerate(body.rows)]


def _read_arrow(content: bytes) -> AskedColumns:
    # Not at the top: half a second to import, for callers who may never come.
    from core.serving.arrow import read_columns

    asked = read_columns(content)
    if len(asked.features) > MAX_FEATURES:
        raise BadBody(None, f"A row has at most {MAX_FEATURES:,} features.")
    return asked


def _refuse(answers: Sequence[Prediction]) -> Response:
    """What is said where no row has a score."""
    detail = ErrorDetail(str(answers[0].reason))
    shown = [build_answer(answer) for answer in answers]
    return json_response(503, ErrorAnswer(detail, predictions=shown), {"retry-after": "1"})


def _encode_json(answers: Batch | Sequence[Prediction]) -> Response:
    if isinstance(answers, Batch):
        return json_response(200, build_batch_answer(answers))
    return json_response(200, PredictBatchAnswer([build_answer(answer) for answer in answers]))


def _encode_arrow(answers: Batch | Sequence[Prediction]) -> Response:
    # Not at the top: see above.
    from core.serving.arrow import encode_batch, encode_predictions

    if isinstance(answers, Batch):
        return Response(encode_batch(answers), media_type=ARROW)
    return Response(encode_predictions(answers), media_type=ARROW)
