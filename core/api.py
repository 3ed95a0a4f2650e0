"""The prediction API: JSON over HTTP in front of the prediction service."""

import multiprocessing
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from core.bootstrap import build_app, load_current_settings
from core.errors import OpsError
from core.file_access import check_home, keep_private
from core.log import configure, get_logger
from core.parent import end_with
from core.safety.masking import write_out
from core.serving.decisions.bodies import DecideAnswer, DecideBody, RankAnswer, RankBody
from core.serving.keys import KeyRing
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
from core.serving.service import PredictionService, ServiceOptions
from core.serving.telemetry.metrics import ServiceMetrics
from core.serving.telemetry.unanswered_counts import UnansweredCounts
from core.serving.worker_heartbeat import Reporter
from core.settings import Scale
from core.store.engine.database import Database
from core.system import describe_system
from core.web.admission import Admission
from core.web.exposure import TrustedHosts, build_trusted_hosts, check_app_exposure, find_risk
from core.web.forwarded import DIRECT, Front, build_front
from core.web.guard import Guard
from core.web.middleware import RefusalLog
from core.web.openapi import Operation, StatusAnswer
from core.web.router import Api, answer_by
from core.web.routes import FEEDBACK_ERRORS, LABEL_STATUS, Routes
from core.web.scoring.decide import DECIDING_ERRORS, DecideRoute, RankRoute
from core.web.scoring.micro_batching import Gathering, LogWait
from core.web.scoring.predict import PredictRoute
from core.web.scoring.predict_batch import BatchRoute
from core.web.scoring.scoring_route import Serving

_THIS_MACHINE = TrustedHosts(frozenset(), any_address=False, public_origin="")
_LOG_SECONDS = 10.0  # after this wait for the log a caller gets an error
_LIBRARIES = ("skops.io", "xgboost", "onnx", "onnxruntime")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """The limits of an API, the names that it answers to, and whether a proxy calls it."""

    scale: Scale
    body_limit: int  # bytes
    beside_limit_ms: float = 1_000  # to read the texts and histories of a request
    hosts: TrustedHosts = _THIS_MACHINE  # the host names that it answers to
    front: Front = DIRECT  # the proxies that are believed, and the path below which they show it
    rate: float = 0.0  # requests a second of one caller; 0 for no limit


def build_api(
    db: Database,
    service: PredictionService,
    keys: KeyRing,
    options: ApiOptions,
    status: Callable[[], object],
) -> Api:
    """Build the ASGI application. While it runs, the service and the key ring run too; when it
    stops, both are stopped, waiting rows are written and the store is closed. `status` returns the
    content of `/v1/status`."""
    scale, body_limit = options.scale, options.body_limit
    metrics, log_wait = ServiceMetrics(), LogWait(_LOG_SECONDS)
    guard = Guard(options.hosts, keys, options.front)
    admission = Admission(keys, guard, service.timer, rate=options.rate)
    serving = Serving(service, admission, metrics, log_wait)
    gathering = Gathering(service, metrics, log_wait, limit_ms=options.beside_limit_ms)
    unanswered = UnansweredCounts(service.now)
    reporter = Reporter(db, service, metrics, unanswered)
    predict = PredictRoute(serving, gathering, body_limit=min(body_limit, MAX_ROW_BYTES))
    batch = BatchRoute(serving, body_limit=body_limit)
    rank = RankRoute(db, serving, gathering, body_limit=body_limit)
    decide = DecideRoute(db, serving, gathering, body_limit=min(body_limit, MAX_ROW_BYTES))
    routes = Routes(db, serving, scale=scale, body_limit=body_limit, status=status)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(service.start)
        await anyio.to_thread.run_sync(keys.start)
        reporter.start()
        yield
        await anyio.to_thread.run_sync(reporter.stop)
        await anyio.to_thread.run_sync(keys.stop)
        await anyio.to_thread.run_sync(service.stop)
        db.close()

    operations = (
        Operation(
            ("POST", "/v1/predict"), predict, "predict", {200: PredictAnswer}, body=PredictBody
        ),
        Operation(
            ("POST", "/v1/predict/batch"),
            batch,
            "predict_batch",
            {200: PredictBatchAnswer},
            body=PredictBatchBody,
        ),
        Operation(("POST", "/v1/rank"), rank, "rank", {200: RankAnswer}, DECIDING_ERRORS, RankBody),
        Operation(
            ("POST", "/v1/decide"),
            decide,
            "decide",
            {200: DecideAnswer},
            DECIDING_ERRORS,
            DecideBody,
        ),
        answer_by(
            ("POST", "/v1/feedback"),
            routes.feedback,
            dict.fromkeys(LABEL_STATUS.values(), FeedbackAnswer),
            errors=FEEDBACK_ERRORS,
            body=FeedbackBody,
        ),
        answer_by(("POST", "/v1/samples"), routes.samples, {200: SamplesAnswer}, body=SamplesBody),
        answer_by(("GET", "/v1/status"), routes.status, {200: StatusAnswer}),
        answer_by(("GET", "/healthz"), routes.healthz, {200: AliveAnswer}, errors=(403,)),
        answer_by(("GET", "/readyz"), routes.readyz, {200: ReadyAnswer}, errors=(403, 503)),
        answer_by(("GET", "/metrics"), routes.metrics, {200: None}),
    )
    refusals = RefusalLog(service.timer)
    return Api(operations, scale, lifespan, metrics, guard, refusals, unanswered)


def create() -> Api:
    """Build the application from the settings of this process, for `uvicorn --factory
    core.api:create`."""
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
        app.db,
        app.registry,
        ServiceOptions(lambda: load_current_settings(app).baking, _LIBRARIES),
        scale=settings.scale,
        now=app.now,
    )
    options = ApiOptions(
        settings.scale,
        body_limit=settings.body_limit_kb * 1024,
        beside_limit_ms=settings.text_timeout_ms,
        hosts=build_trusted_hosts(settings),
        front=build_front(settings),
        rate=settings.rate_limit,
    )
    return build_api(
        app.db, service, KeyRing(app.db, app.now), options, lambda: describe_system(app)
    )
