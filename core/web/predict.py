"""`POST /v1/predict`: one row to its answer, with as little around it as that takes."""

import asyncio
from datetime import datetime

import msgspec
from starlette.types import Receive, Scope, Send

from core.domain.installation import Scope as KeyScope
from core.domain.prediction import AnswerSource
from core.serving.answer import Ask, Received
from core.serving.schemas import (
    ErrorAnswer,
    ErrorDetail,
    PredictBody,
    build_answer,
    build_ask,
    decode_body,
)
from core.serving.service import PredictionService
from core.web.admission import Admission
from core.web.http import JSON, json_response, read_body, read_headers
from core.web.micro_batching import Answered, Gathering
from core.web.sharing import HEAVY_BYTES, Turn

_TYPE = (b"content-type", JSON.encode())


class PredictRoute:
    """Score one row. The answer is given when the prediction is on disk."""

    # A plain ASGI application: routing, request and response objects would cost a request as much
    # as everything that is done here.

    def __init__(
        self,
        service: PredictionService,
        admission: Admission,
        gathering: Gathering,
        *,
        body_limit: int,
    ) -> None:
        self._service = service
        self._admission = admission
        self._gathering = gathering
        self._body_limit = body_limit
        self._decoder = msgspec.json.Decoder(PredictBody)
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content = await self._answer(scope, receive)
        if isinstance(content, ErrorAnswer):
            await json_response(503, content, {"retry-after": "1"})(scope, receive, send)
            return
        headers = [_TYPE, (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, receive: Receive) -> bytes | ErrorAnswer:
        service = self._service
        started, at = service.timer(), service.now()
        headers = read_headers(scope)
        limit = self._body_limit
        turn = self._admission.admit_now(headers, KeyScope.PREDICT, limit)
        if turn is None:
            _, turn = await self._admission.admit(scope, headers, KeyScope.PREDICT, limit)
        try:
            content = await read_body(headers, receive, limit)
            return await self._score(content, turn, at, started)
        finally:
            self._admission.leave(turn)

    async def _score(
        self, content: bytes, turn: Turn, at: datetime, started: float
    ) -> bytes | ErrorAnswer:
        service = self._service
        if len(content) > HEAVY_BYTES:
            turn.started = service.timer()
            loop = asyncio.get_running_loop()
            ask = await loop.run_in_executor(None, self._decode, content)
        else:
            ask = self._decode(content)
        parsed = service.timer()
        answered = await self._gathering.answer(Received(ask, at, started))
        if service.stages.is_due():
            if service.reads_beside:  # in a thread: that reads the store
                loop = asyncio.get_running_loop()
                loop.run_in_executor(None, self._keep_stages, ask, parsed - started, answered)
            else:
                self._keep_stages(ask, parsed - started, answered)
        prediction = answered.prediction
        answer = build_answer(prediction)
        if prediction.source is AnswerSource.FAILED:
            detail = ErrorDetail(prediction.reason or "No score.")
            return ErrorAnswer(detail, prediction_id=answer.prediction_id)
        return self._encode(answer)

    def _decode(self, content: bytes) -> Ask:
        return build_ask(decode_body(self._decoder, content))

    def _keep_stages(self, ask: Ask, parse: float, answered: Answered) -> None:
        """Of a request that was measured; what scoring takes is told by scoring it once more."""
        scoring = self._service.time_row(ask)
        if scoring is None:
            return
        features, model = scoring
        route = max(answered.answer_seconds - features - model, 0.0)
        self._service.stages.add(
            parse=parse, route=route, features=features, model=model, log=answered.log_seconds
        )
