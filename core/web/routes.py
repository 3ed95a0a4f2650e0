"""The routes of the API except scoring: feedback, samples, status, health and metrics."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from core.audit.attempt import attempt
from core.data.collect import add_rows
from core.domain.actor import Act, Actor
from core.domain.decisions.decision import LoggedDecision
from core.domain.installation import ApiKey, Scope
from core.domain.prediction import ChosenBy, Label
from core.domain.sample import Collection
from core.errors import Unavailable
from core.serving.keys import build_actor
from core.serving.log.prediction_log import LabelOutcome
from core.serving.schemas import (
    MAX_FEATURES,
    AliveAnswer,
    BadBody,
    FeedbackAnswer,
    FeedbackBody,
    RawSamplesBody,
    ReadyAnswer,
    RejectedRow,
    SamplesAnswer,
    check_moment,
    check_text,
    decode_body,
)
from core.serving.service import PredictionService
from core.serving.telemetry.metrics import CONTENT_TYPE
from core.settings import Scale
from core.store.engine.database import Database
from core.store.predictions import decisions
from core.web.http import json_response, read_body
from core.web.openapi import BODY_ERRORS
from core.web.scoring.scoring_route import Serving

_FEEDBACK_BYTES = 65_536  # a label has a few short fields
_READY_SECONDS = 2.0
_UNREADY_SECONDS = 0.2  # a service that cannot serve is checked sooner
_CLOCK_SKEW = timedelta(minutes=1)  # how far a caller's clock may be ahead of ours
_N_ADDING = 2  # requests whose rows are added at once

FEEDBACK_ERRORS = (*BODY_ERRORS, 404)
LABEL_STATUS = {
    LabelOutcome.NEW: 201,
    LabelOutcome.SAME: 200,
    LabelOutcome.UNKNOWN: 202,
    LabelOutcome.REMOVED: 202,
}


class Routes:
    """The endpoints, one method each, with the store and the limits that they share."""

    def __init__(
        self,
        db: Database,
        serving: Serving,
        *,
        scale: Scale,
        body_limit: int,
        status: Callable[[], object],
    ) -> None:
        self._db = db
        self._service = serving.service
        self._admission = serving.admission
        self._metrics = serving.metrics
        self._log_wait = serving.log_wait
        self._scale = scale
        self._body_limit = body_limit
        self._status = status
        self._readiness = Readiness(serving.service)
        self._adding = anyio.CapacityLimiter(_N_ADDING)
        self._feedback_decoder = msgspec.json.Decoder(FeedbackBody)
        self._samples_decoder = msgspec.json.Decoder(RawSamplesBody)

    async def feedback(self, request: Request) -> Response:
        """Send the outcome of a prediction: 201 if it is new, 200 if it was known, 202 if the
        prediction is not known yet. A second label of a prediction corrects the first. A
        decision_id stands for the picked candidate, or for the decided work."""
        async with self._admit(request, Scope.FEEDBACK, _FEEDBACK_BYTES) as key:
            content = await self._read(request, _FEEDBACK_BYTES)
            body = decode_body(self._feedback_decoder, content)
            prediction_id, chosen_by = await self._find_labelled(body)
            now = self._service.now()
            label = Label(
                prediction_id=prediction_id,
                actual=body.actual,
                observed_at=body.observed_at or now,
                given_by=body.given_by or build_actor(key).name,
                received_at=now,
                rating=body.rating,
                key_id=None if key is None else key.id,
                chosen_by=chosen_by,
            )
            check_label(label, self._scale)
            receipt = self._service.add_label(label, observed_at_given=body.observed_at is not None)
            outcome = await self._log_wait.wait(receipt)
        assert isinstance(outcome, LabelOutcome)
        self._metrics.count_label(outcome.value)
        answer = FeedbackAnswer(prediction_id, outcome.value)
        return json_response(LABEL_STATUS[outcome], answer)

    async def samples(self, request: Request) -> Response:
        """Add up to 10,000 labelled rows to train from. Each row is added, found to be known, or
        rejected on its own."""
        async with self._admit(request, Scope.SAMPLES, self._body_limit) as key:
            content = await self._read(request, self._body_limit)
            added = await anyio.to_thread.run_sync(
                self._add, content, build_actor(key), limiter=self._adding
            )
        rejected = [RejectedRow(rejection.row, rejection.message) for rejection in added.rejected]
        answer = SamplesAnswer(added.n_received, added.n_new, added.n_duplicate, rejected)
        return json_response(200, answer)

    async def status(self, request: Request) -> Response:
        """The state of the installation as the `status` command shows it, and under `serving` the
        state of this process."""
        async with self._admit(request, Scope.STATUS):
            system = await anyio.to_thread.run_sync(self._status)
        return json_response(
            200, {**msgspec.to_builtins(system), "serving": self._service.describe()}
        )

    async def healthz(self, request: Request) -> Response:
        """The process runs."""
        return json_response(200, AliveAnswer("alive"))

    async def readyz(self, request: Request) -> Response:
        """The process can serve: it follows deployments, and the store takes writes."""
        problem = await self._readiness.find_problem()
        if problem is not None:
            raise Unavailable(
                problem,
                public="This process cannot answer just now: ask again in a moment; its log says "
                "why under the request's id.",
            )
        serving = self._service.describe()
        return json_response(200, ReadyAnswer("ready", serving.version, serving.source))

    async def metrics(self, request: Request) -> Response:
        """Counts and durations for Prometheus."""
        async with self._admit(request, Scope.STATUS):
            self._metrics.show(self._service.describe())
            return Response(self._metrics.render(), media_type=CONTENT_TYPE)

    def _admit(
        self, request: Request, need: Scope, most_bytes: int = 0
    ) -> AbstractAsyncContextManager[ApiKey | None]:
        return self._admission.admitted(request.scope, request.headers, need, most_bytes)

    async def _find_labelled(self, body: FeedbackBody) -> tuple[str, ChosenBy]:
        """Return the prediction that a label is of, and how it came to be labelled. Raises
        `BadBody` unless there is either a prediction or a decision, and `NotFound`."""
        if (body.prediction_id is None) == (body.decision_id is None):
            raise BadBody("prediction_id", "Name a prediction_id or a decision_id, one of the two.")
        if body.prediction_id is not None:
            return body.prediction_id, ChosenBy.FEEDBACK
        check_text(body.decision_id, "decision_id")
        decision = await anyio.to_thread.run_sync(self._get_decision, str(body.decision_id))
        return decision.prediction_id, decision.chosen_by

    def _get_decision(self, decision_id: str) -> LoggedDecision:
        with self._db.read() as conn:
            return decisions.get_decision(conn, decision_id)

    async def _read(self, request: Request, limit: int) -> bytes:
        return await read_body(request.headers, request.receive, limit)

    def _add(self, content: bytes, by: Actor) -> Collection:
        body = decode_body(self._samples_decoder, content)
        for number, row in enumerate(body.rows):
            features = row.get("features")
            if isinstance(features, dict) and len(features) > MAX_FEATURES:
                raise BadBody(
                    f"rows[{number}].features", f"A row has at most {MAX_FEATURES:,} features."
                )
        now = self._service.now()
        with attempt(self._db, by, Act.COLLECT, f"{len(body.rows):,} rows", now=now) as act:
            added = add_rows(
                self._db, body.rows, source="api", by=by.name, now=now, scale=self._scale
            )
            act.note(after={"collection": added.id, "n_new": added.n_new})
        return added


class Readiness:
    """The readiness of a service, checked at most every two seconds however often it is asked:
    anyone may ask, and checking takes the store's write lock."""

    def __init__(self, service: PredictionService) -> None:
        self._service = service
        self._known: tuple[float, str | None] | None = None  # when it was checked, and the problem
        self._finding = asyncio.Lock()

    async def find_problem(self) -> str | None:
        """Return the reason why the service cannot serve; None if it can."""
        async with self._finding:
            now = self._service.timer()
            if self._known is not None:
                found_at, problem = self._known
                if now - found_at < (_READY_SECONDS if problem is None else _UNREADY_SECONDS):
                    return problem
            problem = await anyio.to_thread.run_sync(self._service.check_ready, _READY_SECONDS)
            self._known = self._service.timer(), problem
            return problem


def check_label(label: Label, scale: Scale) -> None:
    """Raise `BadBody` for a label outside the scale, in the future, or that the store cannot
    keep."""
    if not scale.low <= label.actual <= scale.high:
        raise BadBody(
            "actual",
            f"{label.actual:g} is not on the scale of the scores, {scale.low:g} to {scale.high:g}.",
        )
    check_moment(label.observed_at, "observed_at")
    if label.observed_at > label.received_at + _CLOCK_SKEW:
        raise BadBody("observed_at", f"{label.observed_at.isoformat()} is in the future.")
    check_text(label.prediction_id, "prediction_id")
    check_text(label.given_by, "given_by")
