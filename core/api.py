"""The prediction API: JSON over HTTP in front of the prediction service."""

import asyncio
import http
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from random import randbytes
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from core.bootstrap import build_app
from core.data.collect import add_rows
from core.domain.api_key import Scope
from core.domain.label import Label
from core.domain.prediction import Source
from core.domain.sample import Collection
from core.errors import InvalidInput, NotFound, OpsError, Refused, Unavailable
from core.log import configure, get_logger
from core.serving.bodies import (
    BadBody,
    ErrorAnswer,
    ErrorDetail,
    FeedbackAnswer,
    FeedbackBody,
    PredictAnswer,
    PredictBatchAnswer,
    PredictBatchBody,
    PredictBody,
    RawSamplesBody,
    RejectedRow,
    SamplesAnswer,
    SamplesBody,
    build_answer,
    build_ask,
    check_text,
    decode_body,
)
from core.serving.journal import Receipt
from core.serving.keys import KeyRing, MissingScope, UnknownCaller
from core.serving.metrics import CONTENT_TYPE, ServiceMetrics
from core.serving.service import LabelOutcome, PredictionService
from core.settings import Scale
from core.store.database import Database
from core.system import describe_system

JSON = "application/json"
_LOG_SECONDS = 10.0  # a caller is told that the log does not keep up, rather than kept waiting
_READY_SECONDS = 2.0
_CLOCK_SKEW = timedelta(minutes=1)  # how far a caller's clock may be ahead of ours
_N_BATCHES = 2  # batches that are scored at once; single rows do not wait for them
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_LIBRARIES = ("skops.io", "xgboost")

_LABEL_STATUS = {LabelOutcome.NEW: 201, LabelOutcome.SAME: 200, LabelOutcome.UNKNOWN: 202}
_ERROR_STATUS: Mapping[type[OpsError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    UnknownCaller: 401,
    MissingScope: 403,
    Refused: 409,
    Unavailable: 503,
}

_REF = "#/components/schemas/{name}"
_BODIES = (
    PredictBody,
    PredictBatchBody,
    FeedbackBody,
    SamplesBody,
    PredictAnswer,
    PredictBatchAnswer,
    FeedbackAnswer,
    SamplesAnswer,
    ErrorAnswer,
)

Result = TypeVar("Result")

log = get_logger(__name__)


class BodyTooLarge(InvalidInput):
    """More bytes than a body may have; `is_open` where nobody knows how many more would come."""

    def __init__(self, limit: int, *, is_open: bool) -> None:
        super().__init__(
            f"The body has more than {limit:,} bytes: send fewer rows at a time, or raise "
            "PLUMBLINE_BODY_LIMIT_KB."
        )
        self.is_open = is_open


class WrongContentType(InvalidInput):
    """A body that does not say it is JSON."""


class ForeignOrigin(Refused):
    """A browser asks on behalf of another site's page."""


_REFUSAL_STATUS: Mapping[type[OpsError], int] = {
    BodyTooLarge: 413,
    WrongContentType: 415,
    ForeignOrigin: 403,
}


class Routes:
    """One method a route, with what they share."""

    def __init__(
        self,
        db: Database,
        service: PredictionService,
        keys: KeyRing,
        metrics: ServiceMetrics,
        *,
        scale: Scale,
        body_limit: int,
        status: Callable[[], object],
    ) -> None:
        self._db = db
        self._service = service
        self._keys = keys
        self._metrics = metrics
        self._scale = scale
        self._body_limit = body_limit
        self._status = status
        self._batches = anyio.CapacityLimiter(_N_BATCHES)
        self._predict_decoder = msgspec.json.Decoder(PredictBody)
        self._batch_decoder = msgspec.json.Decoder(PredictBatchBody)
        self._feedback_decoder = msgspec.json.Decoder(FeedbackBody)
        self._samples_decoder = msgspec.json.Decoder(RawSamplesBody)

    async def predict(self, request: Request) -> Response:
        """Score one row. The answer is given when the prediction is on disk."""
        started, at = self._service.timer(), self._service.now()
        self._authorize(request, Scope.PREDICT)
        body = decode_body(self._predict_decoder, await self._read(request))
        answers = self._service.answer([build_ask(body)], at, started)
        await _wait(self._service.log(answers))
        self._metrics.count_predictions(answers)
        answer = build_answer(answers[0])
        if answers[0].source is Source.FAILED:
            detail = ErrorDetail(answers[0].reason or "No score.")
            return _json(503, ErrorAnswer(detail, prediction_id=answer.prediction_id))
        return _json(200, answer)

    async def predict_batch(self, request: Request) -> Response:
        """Score up to 10,000 rows, in their order."""
        started, at = self._service.timer(), self._service.now()
        self._authorize(request, Scope.PREDICT)
        content = await self._read(request)

        def score() -> tuple[list[PredictAnswer], list[Receipt[LabelOutcome | None]]]:
            body = decode_body(self._batch_decoder, content)
            asks = [build_ask(row, f"rows[{i}].") for i, row in enumerate(body.rows)]
            answers = self._service.answer(asks, at, started)
            receipts = self._service.log(answers)
            self._metrics.count_predictions(answers)
            return [build_answer(answer) for answer in answers], receipts

        answers, receipts = await anyio.to_thread.run_sync(score, limiter=self._batches)
        await _wait(receipts)
        if all(answer.score is None for answer in answers):
            detail = ErrorDetail(str(answers[0].reason))
            return _json(503, ErrorAnswer(detail, predictions=answers))
        return _json(200, PredictBatchAnswer(answers))

    async def feedback(self, request: Request) -> Response:
        """Say what turned out to be true: 201 for news, 200 for what was known, 202 for a
        prediction that is not known yet. A second label of a prediction corrects the first."""
        caller = self._authorize(request, Scope.FEEDBACK)
        body = decode_body(self._feedback_decoder, await self._read(request))
        now = self._service.now()
        label = Label(
            prediction_id=body.prediction_id,
            actual=body.actual,
            observed_at=body.observed_at or now,
            given_by=body.given_by or caller or "api",
            received_at=now,
        )
        check_label(label, self._scale)
        receipt = self._service.add_label(label, observed_at_given=body.observed_at is not None)
        [outcome] = await _wait([receipt])
        assert outcome is not None
        self._metrics.count_label(outcome.value)
        answer = FeedbackAnswer(body.prediction_id, outcome.value)
        return _json(_LABEL_STATUS[outcome], answer)

    async def samples(self, request: Request) -> Response:
        """Add up to 10,000 labelled rows to train from. Each is taken, known already, or rejected
        for itself."""
        caller = self._authorize(request, Scope.SAMPLES)
        content = await self._read(request)

        def add() -> Collection:
            body = decode_body(self._samples_decoder, content)
            return add_rows(
                self._db,
                body.rows,
                source="api",
                by=caller or "api",
                now=self._service.now(),
                scale=self._scale,
            )

        added = await anyio.to_thread.run_sync(add, limiter=self._batches)
        rejected = [RejectedRow(rejection.row, rejection.message) for rejection in added.rejected]
        answer = SamplesAnswer(added.n_received, added.n_new, added.n_duplicate, rejected)
        return _json(200, answer)

    async def status(self, request: Request) -> Response:
        """The system as the `status` command shows it, and under `serving` what this process
        answers with."""
        self._authorize(request, Scope.STATUS)
        system = await anyio.to_thread.run_sync(self._status)
        return _json(200, {**msgspec.to_builtins(system), "serving": self._service.describe()})

    async def healthz(self, request: Request) -> Response:
        """Alive."""
        return _json(200, {"status": "alive"})

    async def readyz(self, request: Request) -> Response:
        """Can serve: the plan is followed and the store takes writes."""
        problem = await anyio.to_thread.run_sync(self._service.check_ready, _READY_SECONDS)
        if problem is not None:
            raise Unavailable(problem)
        serving = self._service.describe()
        return _json(200, {"status": "ready", "version": serving.version, "source": serving.source})

    async def metrics(self, request: Request) -> Response:
        """Counts and durations for Prometheus."""
        self._authorize(request, Scope.STATUS)
        serving = self._service.describe()
        text = self._metrics.render(n_waiting=serving.n_waiting, revision=serving.revision)
        return Response(text, media_type=CONTENT_TYPE)

    def _authorize(self, request: Request, scope: Scope) -> str | None:
        """The name of the caller's key, None while everyone may call."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return self._keys.check(key.strip() if scheme.lower() == "bearer" else None, scope)

    async def _read(self, request: Request) -> bytes:
        """The body, refused as soon as it is known to be too large or not meant as JSON."""
        headers = request.headers
        check_origin(headers)
        check_content_type(headers.get("content-type"))
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._body_limit:
            raise BodyTooLarge(self._body_limit, is_open=False)
        content = b""
        async for chunk in request.stream():
            content = content + chunk if content else chunk
            if len(content) > self._body_limit:
                raise BodyTooLarge(self._body_limit, is_open=not announced)
        return content


class Outermost:
    """Around everything: the request's id, its count, and an answer even to a bug."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, paths: Set[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = choose_request_id(Headers(scope=scope).get("x-request-id"))
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # the last handler: a bug is recorded and answered
            log.exception("request_failed", request_id=request_id, path=scope["path"])
            if status == 0:
                message = (
                    "Something is broken here, and was recorded: give the request's id to whoever "
                    "runs this service."
                )
                answer = ErrorAnswer(ErrorDetail(message), request_id=request_id)
                await _json(500, answer)(scope, receive, send_with_id)
        path = scope["path"]
        self._metrics.count_request(path if path in self._paths else "other", status)


def check_label(label: Label, scale: Scale) -> None:
    """Raise `BadBody` for a label that cannot be true or cannot be kept."""
    if not scale.low <= label.actual <= scale.high:
        raise BadBody(
            "actual",
            f"{label.actual:g} is not on the scale of the scores, {scale.low:g} to {scale.high:g}.",
        )
    if label.observed_at > label.received_at + _CLOCK_SKEW:
        raise BadBody("observed_at", f"{label.observed_at.isoformat()} is in the future.")
    check_text(label.prediction_id, "prediction_id")
    check_text(label.given_by, "given_by")


def check_content_type(content_type: str | None) -> None:
    """Raise `WrongContentType` for a body that says it is something else than JSON.

    >>> check_content_type("application/json; charset=utf-8")
    """
    media = (content_type or JSON).partition(";")[0].strip().lower()
    if media != JSON and not media.endswith("+json"):
        raise WrongContentType(f"The body is '{media}': send Content-Type: {JSON}.")


def check_origin(headers: Mapping[str, str]) -> None:
    """Raise `ForeignOrigin` where a page of another site sends the request: a browser on this
    machine reaches the API, whatever page it shows.

    >>> check_origin({"host": "127.0.0.1:8000"})
    """
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        raise ForeignOrigin("Pages of other sites may not send data here: call it from a program.")


def choose_request_id(given: str | None) -> str:
    """The caller's id for a request where it is a sensible one, else a new one.

    >>> choose_request_id("order-17")
    'order-17'
    """
    return given if given and _REQUEST_ID.fullmatch(given) else randbytes(16).hex()


def build_api(
    db: Database,
    service: PredictionService,
    keys: KeyRing,
    *,
    scale: Scale,
    body_limit: int,
    status: Callable[[], object],
) -> FastAPI:
    """The ASGI application. It starts the service and the key ring, and at the end stops them,
    which writes what waits, and closes the store. `body_limit` is in bytes, `status` gives what
    `/v1/status` shows."""
    metrics = ServiceMetrics()
    routes = Routes(db, service, keys, metrics, scale=scale, body_limit=body_limit, status=status)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(service.start)
        await anyio.to_thread.run_sync(keys.start)
        yield
        await anyio.to_thread.run_sync(keys.stop)
        await anyio.to_thread.run_sync(service.stop)
        db.close()

    api = FastAPI(title="Plumbline prediction API", version="1", lifespan=lifespan)
    documented = APIRouter()
    for path, method, endpoint, description in (
        ("/v1/predict", "POST", routes.predict, _describe(PredictBody, {200: PredictAnswer})),
        (
            "/v1/predict/batch",
            "POST",
            routes.predict_batch,
            _describe(PredictBatchBody, {200: PredictBatchAnswer}),
        ),
        (
            "/v1/feedback",
            "POST",
            routes.feedback,
            _describe(FeedbackBody, dict.fromkeys(_LABEL_STATUS.values(), FeedbackAnswer)),
        ),
        ("/v1/samples", "POST", routes.samples, _describe(SamplesBody, {200: SamplesAnswer})),
        ("/v1/status", "GET", routes.status, _describe(None, {})),
        ("/healthz", "GET", routes.healthz, _describe(None, {})),
        ("/readyz", "GET", routes.readyz, _describe(None, {503: ErrorAnswer})),
        ("/metrics", "GET", routes.metrics, _describe(None, {})),
    ):
        # A plain route costs a request 0.15 ms and FastAPI's own 0.35; it writes the documentation.
        api.router.add_route(path, endpoint, methods=[method])
        documented.add_api_route(
            path, endpoint, methods=[method], response_model=None, openapi_extra=description
        )
    api.openapi = partial(_build_openapi, api, documented)  # type: ignore[method-assign]
    for kind in (OpsError, HTTPException, ClientDisconnect):
        api.add_exception_handler(kind, _answer_error)
    paths = {route.path for route in documented.routes if isinstance(route, Route)}
    api.add_middleware(Outermost, metrics=metrics, paths=paths)
    return api


def create() -> FastAPI:
    """The application of this process's settings: `uvicorn --factory core.api:create`."""
    configure()
    try:
        app = build_app()
    except OpsError as error:
        raise SystemExit(str(error)) from None
    settings = app.settings
    service = PredictionService(
        app.db, app.registry, scale=settings.scale, now=app.now, libraries=_LIBRARIES
    )
    return build_api(
        app.db,
        service,
        KeyRing(app.db),
        scale=settings.scale,
        body_limit=settings.body_limit_kb * 1024,
        status=lambda: describe_system(app),
    )


async def _answer_error(request: Request, error: Exception) -> Response:
    headers: dict[str, str] = {}
    field = getattr(error, "field", None)
    if isinstance(error, HTTPException):
        status, message, headers = error.status_code, str(error.detail), dict(error.headers or {})
    elif isinstance(error, OpsError):
        status, message = _choose_status(error), str(error)
    else:
        status, message = 400, "The connection ended before the body did."
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status == 503:
        headers["retry-after"] = "1"
    if isinstance(error, BodyTooLarge) and error.is_open:
        headers["connection"] = "close"  # else all that is sent would be read and thrown away
    return _json(status, ErrorAnswer(ErrorDetail(message, field)), headers)


def _choose_status(error: OpsError) -> int:
    for kind, status in {**_REFUSAL_STATUS, **_ERROR_STATUS}.items():
        if isinstance(error, kind):
            return status
    return 500


async def _wait(receipts: Sequence[Receipt[Result]]) -> list[Result]:
    """The results of writes; raises `Unavailable` where they take too long."""
    results = []
    try:
        async with asyncio.timeout(_LOG_SECONDS):
            for receipt in receipts:
                # Shielded, since others wait for the same write.
                written = asyncio.shield(asyncio.wrap_future(receipt.written))
                results.append((await written)[receipt.place])
    except TimeoutError:
        raise Unavailable(
            f"The log did not take it within {_LOG_SECONDS:g} s: the database is locked or too "
            "slow. Try again in a moment."
        ) from None
    return results


def _describe(body: type | None, answers: Mapping[int, type]) -> dict[str, Any]:
    """What OpenAPI says of a route; its bodies are decoded by msgspec, not by FastAPI."""
    described: dict[str, Any] = {"responses": {}}
    errors = dict.fromkeys((401, 403, 413, 415, 422, 503), ErrorAnswer) if body else {}
    for status, answer in {**answers, **errors}.items():
        described["responses"][str(status)] = {
            "description": http.HTTPStatus(status).phrase,
            "content": {JSON: {"schema": {"$ref": _REF.format(name=answer.__name__)}}},
        }
    if body is not None:
        schema = {"$ref": _REF.format(name=body.__name__)}
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return described


def _build_openapi(api: FastAPI, documented: APIRouter) -> dict[str, Any]:
    if api.openapi_schema is None:
        _, schemas = msgspec.json.schema_components(_BODIES, ref_template=_REF)
        described = get_openapi(title=api.title, version=api.version, routes=documented.routes)
        described["components"] = {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        }
        described["security"] = [{"key": []}, {}]
        api.openapi_schema = described
    return api.openapi_schema


def _json(status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, JSON)
