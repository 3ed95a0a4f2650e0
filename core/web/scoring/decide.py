"""`POST /v1/rank` and `POST /v1/decide`: what was scored, decided in the same write."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.domain.decisions.decision import DecidedRequest
from core.domain.decisions.policy import DecisionPolicy, PolicyKind
from core.domain.prediction import Prediction
from core.errors import Conflict
from core.serving.answer import Ask, Received, mark_batch
from core.serving.decisions.bodies import (
    DecideBody,
    RankAnswer,
    RankBody,
    build_candidate_asks,
    build_decide_answer,
    build_rank_answer,
    check_decide,
    check_rank,
    is_same_request,
)
from core.serving.decisions.decision_maker import DecisionRequest
from core.serving.schemas import ErrorAnswer, ErrorDetail, build_answer, decode_body
from core.store.engine.database import Database
from core.store.predictions import decisions
from core.store.predictions.predictions import get_prediction
from core.web.http import build_unscored, json_response, note_logged
from core.web.openapi import BODY_ERRORS
from core.web.scoring.micro_batching import Gathering
from core.web.scoring.scoring_route import ScoringRoute, Serving
from core.web.sharing import HEAVY_BYTES, Turn

DECIDING_ERRORS = (*BODY_ERRORS, 404, 409)

Body = TypeVar("Body")


class _DecidingRoute(ScoringRoute[Response]):
    def __init__(
        self, db: Database, serving: Serving, gathering: Gathering, *, body_limit: int
    ) -> None:
        super().__init__(serving, body_limit=body_limit)
        self._db = db
        self._gathering = gathering
        self._decisions = self._service.decisions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.answer(scope, receive)
        note_logged(scope, response)
        await response(scope, receive, send)

    async def _decode(self, decode: Callable[[bytes], Body], content: bytes, turn: Turn) -> Body:
        if len(content) <= HEAVY_BYTES:
            return decode(content)
        turn.started = self._service.timer()
        return await asyncio.get_running_loop().run_in_executor(None, decode, content)

    async def _find_policy(self, kind: PolicyKind, name: str | None) -> DecisionPolicy | None:
        """The policy in force, or the one that the caller names."""
        if name is None:
            return self._decisions.find_in_force(kind)
        return await asyncio.to_thread(self._decisions.get_policy, kind, name)

    async def _log(self, request: DecidedRequest) -> str | None:
        """Wait until a decision is on disk; return the id of the earlier one where its group was
        decided before."""
        receipt = self._service.log_decided(request)
        earlier = None if receipt is None else await self._serving.log_wait.wait(receipt)
        if earlier is None:
            self._serving.metrics.count_decision(request)
        return earlier


class RankRoute(_DecidingRoute):
    """Score 2 to 100 candidates for the same request and pick one, by the pick policy in force; the
    best score without one. The answer is given when all of it is on disk. A `group_id` that was
    decided before is answered as before, and refused with other candidates."""

    async def _score(self, content: bytes, turn: Turn, at: datetime, started: float) -> Response:
        body = await self._decode(_decode_rank, content, turn)
        policy = await self._find_policy(PolicyKind.PICK, body.policy)
        request = DecisionRequest(
            id=self._decisions.build_id(at),
            at=at,
            group_id=body.group_id,
            unit_id=body.unit_id,
            key_id=turn.account.key_id,
        )
        asks = build_candidate_asks(body, request.id, request.key_id)
        scored = await self._gathering.score([Received(ask, at, started) for ask in asks])
        candidates = mark_batch(scored)
        if all(one.score is None for one in candidates):
            return await self._refuse(candidates)
        decided = self._decisions.pick(request, candidates, policy)
        earlier = await self._log(decided)
        if earlier is None:
            return json_response(200, build_rank_answer(decided.decision, candidates))
        return json_response(200, await asyncio.to_thread(self._repeat, body, earlier))

    async def _refuse(self, candidates: Sequence[Prediction]) -> Response:
        """Keep the attempts of a request where no candidate has a score, and say so."""
        for receipt in self._service.log(candidates):
            await self._serving.log_wait.wait(receipt)
        self._serving.metrics.count_predictions(candidates)
        detail = ErrorDetail(str(candidates[0].reason))
        shown = [build_answer(one) for one in candidates]
        sources = [one.source for one in candidates]
        return build_unscored(sources, ErrorAnswer(detail, predictions=shown))

    def _repeat(self, body: RankBody, decision_id: str) -> RankAnswer:
        """Return the answer to a request that was decided before."""
        with self._db.read() as conn:
            decision = decisions.get_decision(conn, decision_id)
            candidates = decisions.load_candidates(conn, decision_id)
        if not is_same_request(body, candidates):
            raise Conflict(
                f"The request group '{body.group_id}' was decided before, with other candidates "
                f"(decision {decision_id}): give this request a group_id of its own, or none."
            )
        return build_rank_answer(decision, candidates)


class DecideRoute(_DecidingRoute):
    """Accept work or have it redone, by the redo policy in force, from its features or from a
    prediction that was made before. The answer is given when the decision is on disk."""

    async def _score(self, content: bytes, turn: Turn, at: datetime, started: float) -> Response:
        body = await self._decode(_decode_decide, content, turn)
        policy = await self._find_policy(PolicyKind.REDO, body.policy)
        assert policy is not None  # else it was refused
        request_id, key_id = self._decisions.build_id(at), turn.account.key_id
        if body.features is not None:
            ask = Ask(body.features, body.text, body.unit_id, key_id=key_id, decision_id=request_id)
            [scored] = await self._gathering.score([Received(ask, at, started)])
        else:
            scored = await asyncio.to_thread(self._get_prediction, str(body.prediction_id))
        request = DecisionRequest(
            id=request_id,
            at=at,
            unit_id=body.unit_id or scored.unit_id,
            attempt=body.attempt,
            key_id=key_id,
        )
        is_new = body.features is not None
        decided = self._decisions.judge(request, scored, policy, is_new=is_new)
        await self._log(decided)
        return json_response(200, build_decide_answer(decided.decision, scored))

    def _get_prediction(self, prediction_id: str) -> Prediction:
        with self._db.read() as conn:
            return get_prediction(conn, prediction_id)


def _decode_rank(content: bytes) -> RankBody:
    body = decode_body(_rank_decoder, content)
    check_rank(body)
    return body


def _decode_decide(content: bytes) -> DecideBody:
    body = decode_body(_decide_decoder, content)
    check_decide(body)
    return body


_rank_decoder = msgspec.json.Decoder(RankBody)
_decide_decoder = msgspec.json.Decoder(DecideBody)
