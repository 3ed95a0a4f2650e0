"""What a serving process says of itself, where others can read it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from core.deployment.release import deploy
from core.serving.answer import Ask
from core.serving.service import PredictionService
from core.serving.telemetry.metrics import ServiceMetrics
from core.serving.telemetry.unanswered_counts import UnansweredCounts
from core.serving.worker_heartbeat import Reporter
from core.settings import Scale
from core.store.engine.database import Database
from core.store.installation import api_workers
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version
from tests.people import person


class Clock:
    """A time that goes on when it is told to."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def service(db: Database, now: Callable[[], datetime]) -> PredictionService:
    registry = FakeRegistry()
    add_version(db, registry)
    deploy(db, registry, 1, reason="t", by=person("ada"), override=False, now=NOON)  # type: ignore[arg-type]
    service = PredictionService(db, registry, scale=Scale(0, 100), now=now)  # type: ignore[arg-type]
    service.refresh()
    return service


def test_a_worker_says_once_a_minute_what_it_did(db: Database, service: PredictionService) -> None:
    clock, metrics = Clock(), ServiceMetrics()
    service.now = clock
    reporter = Reporter(db, service, metrics, UnansweredCounts(clock))
    service.predictor.answer([Ask({"codeQuality": 80.0})], NOON, 0.0)
    service.stages.is_due()
    service.stages.add(parse=0.001, log=0.002)
    reporter.report()
    clock.at += timedelta(seconds=59)
    service.stages.is_due()
    reporter.report()
    with db.read() as conn:
        [first] = api_workers.load_workers(conn)
    assert (first.at, first.version, first.n_requests, first.measured_at) == (NOON, "v1", 1, NOON)
    assert first.stages["log"].mean_ms == 2.0
    assert (first.cache_asked, first.cache_found) == (1, 0)
    clock.at += timedelta(seconds=1)
    reporter.report()
    with db.read() as conn:
        [second] = api_workers.load_workers(conn)
    assert (second.at, second.n_requests) == (clock.at, 2)
    assert second.measured_at == NOON  # nothing was measured since
    assert not second.is_silent(clock.at + timedelta(minutes=3))
    assert second.is_silent(clock.at + timedelta(minutes=4))


def test_its_gauges_are_refreshed_without_a_look_at_the_metrics(
    db: Database, service: PredictionService
) -> None:
    metrics = ServiceMetrics()
    Reporter(db, service, metrics, UnansweredCounts(Clock())).report()
    assert b"plumbline_deployment_revision 1.0" in metrics.render()
