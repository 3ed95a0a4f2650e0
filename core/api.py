"""The prediction API: JSON over HTTP in front of the prediction service."""

import inspect
import multiprocessing
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core.bootstrap import build_app
from core.errors import OpsError
from core.file_access import check_home, keep_private
from core.log import configure, get_logger
from core.parent import end_with
from core.safety.masking import write_out
from core.serving.keys import KeyRing
from core.serving.metrics import ServiceMetrics
from core.serving.schemas import (
    MAX_ROW_BYTES,
    AliveAnswer,
    FeedbackAnswer,
    FeedbackBody,
    PredictAnswer,
    PredictBatchAnswer,
    PredictBatchBody,
    PredictBody,
    ReadyAnswer,
    SamplesAnswer,
    SamplesBody,
)
from core.serving.service import PredictionService
from core.serving.telemetry.worker_heartbeat import Reporter
from core.settings import Scale
from core.store.engine.database import Database
from core.system import describe_system
from core.web.admission import Admission
from core.web.exposure import TrustedHosts, build_trusted_hosts, check_app_exposure, find_risk
from core.web.guard import Guard
from core.web.http import ARROW, answer_error, json_response
from core.web.micro_batching import Gathering, LogWait
from core.web.middleware import Outermost, RefusalLog
from core.web.openapi import BODY_ERRORS, KEY_ERRORS, StatusAnswer, build_openapi, describe
from core.web.pages import DOCS_POLICY, build_docs
from core.web.predict import PredictRoute
from core.web.predict_batch import BatchRoute
from core.web.routes import LABEL_STATUS, Routes

_DOCS = "/docs"
_THIS_MACHINE = TrustedHosts(frozenset(), any_address=False, public_origin="")
_LOG_SECONDS = 10.0  # a caller is told that the log does not keep up, rather than kept waiting
_LIBRARIES = ("skops.io", "xgboost", "onnx", "onnxruntime", "core.serving.arrow")

log = get_logger(__name__)


class _Api(FastAPI):
    """FastAPI, and around it what is asked so often that its layers would cost more than the
    answer: such a request is handed on by its method and path."""

    at_once: Mapping[tuple[str, str], ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = (scope.get("method", ""), scope.get("path", ""))
        await self.at_once.get(key, super().__call__)(scope, receive, send)


def build_api(
    db: Database,
    service: PredictionService,
    keys: KeyRing,
    *,
    scale: Scale,
    body_limit: int,
    status: Callable[[], object],
    beside_limit_ms: float = 1_000,
    hosts: TrustedHosts = _THIS_MACHINE,
    proxy: bool = False,
    rate: float = 0.0,
) -> FastAPI:
    """The ASGI application. It starts the service and the key ring, and at the end stops them,
    which writes what waits, and closes the store. `body_limit` is in bytes, `status` gives what
    `/v1/status` shows, and texts and histories may take `beside_limit_ms`. It answers to `hosts`,
    believes a `proxy` who calls, and takes `rate` requests a second of one caller, 0 for any."""
    metrics = ServiceMetrics()
    guard = Guard(hosts, keys, proxy=proxy)
    admission = Admission(keys, guard, service.timer, rate=rate)
    log_wait = LogWait(_LOG_SECONDS)
    gathering = Gathering(service, metrics, log_wait, limit_ms=beside_limit_ms)
    reporter = Reporter(db, service, metrics, service.now)
    row_limit = min(body_limit, MAX_ROW_BYTES)
    predict = PredictRoute(service, admission, gathering, body_limit=row_limit)
    batch = BatchRoute(service, admission, metrics, log_wait, body_limit=body_limit)
    routes = Routes(
        db, service, admission, metrics, log_wait, scale=scale, body_limit=body_limit, status=status
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(service.start)
        await anyio.to_thread.run_sync(keys.start)
        reporter.start()
        yield
        await anyio.to_thread.run_sync(reporter.stop)
        await anyio.to_thread.run_sync(keys.stop)
        await anyio.to_thread.run_sync(service.stop)
        db.close()

    api = _Api(
        title="Plumbline prediction API",
        version="1",
        lifespan=lifespan,
        openapi_url=None,  # its own pages load scripts from elsewhere, and are made at each request
    )
    documented = APIRouter()
    plain: tuple[tuple[str, ASGIApp, str, dict[str, Any]], ...] = (
        (
            "/v1/predict",
            predict,
            "predict",
            describe(PredictBody, {200: PredictAnswer}, BODY_ERRORS),
        ),
        (
            "/v1/predict/batch",
            batch,
            "predict_batch",
            describe(PredictBatchBody, {200: PredictBatchAnswer}, BODY_ERRORS, beside_json=ARROW),
        ),
    )
    for path, route, name, description in plain:
        api.router.routes.append(Route(path, route, methods=["POST"]))
        documented.add_api_route(
            path,
            lambda: None,  # what is described is a plain ASGI application: FastAPI cannot read it
            methods=["POST"],
            name=name,
            description=inspect.getdoc(route),
            response_model=None,
            openapi_extra=description,
        )
    for path, method, endpoint, description in (
        (
            "/v1/feedback",
            "POST",
            routes.feedback,
            describe(
                FeedbackBody, dict.fromkeys(LABEL_STATUS.values(), FeedbackAnswer), BODY_ERRORS
            ),
        ),
        (
            "/v1/samples",
            "POST",
            routes.samples,
            describe(SamplesBody, {200: SamplesAnswer}, BODY_ERRORS),
        ),
        ("/v1/status", "GET", routes.status, describe(None, {200: StatusAnswer}, KEY_ERRORS)),
        ("/healthz", "GET", routes.healthz, describe(None, {200: AliveAnswer}, (403,))),
        ("/readyz", "GET", routes.readyz, describe(None, {200: ReadyAnswer}, (403, 503))),
        ("/metrics", "GET", routes.metrics, describe(None, {200: None}, KEY_ERRORS)),
    ):
        # A plain route costs a request 0.15 ms and FastAPI's own 0.35; it writes the documentation.
        api.router.add_route(path, endpoint, methods=[method])
        documented.add_api_route(
            path, endpoint, methods=[method], response_model=None, openapi_extra=description
        )
    api.openapi = partial(build_openapi, api, documented, scale)  # type: ignore[method-assign]
    for path, write in (("/openapi.json", _write_openapi), (_DOCS, _write_docs)):
        api.router.add_route(path, _show_once(api, write), methods=["GET"])
    for kind in (OpsError, HTTPException, ClientDisconnect):
        api.add_exception_handler(kind, answer_error)
    outermost = partial(
        Outermost,
        metrics=metrics,
        guard=guard,
        refusals=RefusalLog(service.timer),
        paths={route.path for route in documented.routes if isinstance(route, Route)},
        policies={_DOCS: DOCS_POLICY},
    )
    api.add_middleware(outermost)
    api.at_once = {("POST", path): outermost(route) for path, route, *_ in plain}
    return api


def _write_openapi(api: FastAPI) -> Response:
    return json_response(200, api.openapi())


def _write_docs(api: FastAPI) -> Response:
    return HTMLResponse(build_docs(api.openapi()))


def _show_once(
    api: FastAPI, write: Callable[[FastAPI], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """A route that anyone may ask for: written when it is asked for first, not each time."""
    written: list[Response] = []

    async def show(_: Request) -> Response:
        if not written:
            written.append(write(api))
        first = written[0]
        return Response(first.body, headers=dict(first.headers))

    return show


def create() -> FastAPI:
    """The application of this process's settings: `uvicorn --factory core.api:create`."""
    keep_private()
    configure()
    started_by = multiprocessing.parent_process()
    if started_by is not None and started_by.pid is not None:  # one of several workers
        end_with(started_by.pid)
    try:
        app = build_app()
    except OpsError as error:
        raise SystemExit(write_out(str(error))) from None
    settings = app.settings
    try:
        check_app_exposure(app, Path.cwd())
    except OpsError as error:
        app.close()
        raise SystemExit(write_out(str(error))) from None
    risk = find_risk(settings)
    if risk:
        log.warning("not_encrypted", problem=risk)
    check_home(settings.home)
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
        beside_limit_ms=settings.text_timeout_ms,
        hosts=build_trusted_hosts(settings),
        proxy=settings.proxy,
        rate=settings.rate_limit,
    )
