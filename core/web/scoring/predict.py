"""`POST /v1/predict`: the answer to one row, on the fastest path of the API."""

import asyncio
from datetime import datetime

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.serving.answer import Ask, Received
from core.serving.schemas import (
    ErrorAnswer,
    ErrorDetail,
    PredictBody,
    build_answer,
    build_ask,
    decode_body,
)
from core.web.http import JSON, build_unscored, note_logged
from core.web.scoring.micro_batching import Answered, Gathering
from core.web.scoring.scoring_route import ScoringRoute, Serving
from core.web.sharing import HEAVY_BYTES, Turn

_TYPE = (b"content-type", JSON.encode())


class PredictRoute(ScoringRoute[bytes | Response]):
    """Score one row. The answer is given when the prediction is on disk."""

    def __init__(self, serving: Serving, gathering: Gathering, *, body_limit: int) -> None:
        super().__init__(serving, body_limit=body_limit)
        self._gathering = gathering
        self._decoder = msgspec.json.Decoder(PredictBody)
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content = await self.answer(scope, receive)
        if isinstance(content, Response):
            note_logged(scope, content)
            await content(scope, receive, send)
            return
        headers = [_TYPE, (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _score(
        self, content: bytes, turn: Turn, at: datetime, started: float
    ) -> bytes | Response:
        service = self._service
        if len(content) > HEAVY_BYTES:
            turn.started = service.timer()
            loop = asyncio.get_running_loop()
            ask = await loop.run_in_executor(None, self._decode, content)
        else:
            ask = self._decode(content)
        ask.key_id = turn.account.key_id
        parsed = service.timer()
        answered = await self._gathering.answer(Received(ask, at, started))
        if service.stages.is_due():
            if service.predictor.is_slow:  # in a thread, since it reads the store
                loop = asyncio.get_running_loop()
                loop.run_in_executor(None, self._keep_stages, ask, parsed - started, answered)
            else:
                self._keep_stages(ask, parsed - started, answered)
        prediction = answered.prediction
        if prediction.score is None:
            detail = ErrorDetail(prediction.reason or "No score.")
            return build_unscored(
                [prediction.source], ErrorAnswer(detail, prediction_id=prediction.id)
            )
        return self._encode(build_answer(prediction))

    def _decode(self, content: bytes) -> Ask:
        return build_ask(decode_body(self._decoder, content))

    def _keep_stages(self, ask: Ask, parse: float, answered: Answered) -> None:
        """Record the duration of each stage of a request; the row is scored once more to time
        scoring alone."""
        scoring = self._service.predictor.time_row(ask)
        if scoring is None:
            return
        features, model = scoring
        route = max(answered.answer_seconds - features - model, 0.0)
        self._service.stages.add(
            parse=parse, route=route, features=features, model=model, log=answered.log_seconds
        )
