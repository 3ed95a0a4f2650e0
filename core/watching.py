"""Watching with all it needs taken from the app: for the schedule, the commands and the pages."""

from datetime import timedelta

from core.alerts.incidents import detect
from core.bootstrap import App, load_current_settings
from core.domain.drift import DriftReport
from core.domain.incident import IncidentEvent
from core.domain.lease import SCHEDULER
from core.domain.retraining import RetrainingDecision
from core.monitoring.flow import describe_health, watch
from core.monitoring.health import build_thresholds
from core.monitoring.inputs import measure_drift
from core.monitoring.summary import MonitorSummary
from core.retraining.flow import check_retraining, describe_retraining, start_retraining
from core.retraining.policy import build_policy
from core.store import health

DAY = timedelta(hours=24)
SEED = 0
"""The seed of automatic trainings, so that the same rows give the same version."""


def watch_app(app: App) -> list[IncidentEvent]:
    """Measure, judge, and let the incidents say what was found; the events that were appended."""
    settings = load_current_settings(app)
    report = watch(
        app.db,
        build_thresholds(settings),
        scale=settings.scale,
        tolerance=settings.tolerance,
        now=app.now(),
        worker_lease=SCHEDULER,
    )
    return detect(app.db, report, app.now())


def measure_app_drift(app: App) -> DriftReport | None:
    """Compare the newest requests with what the version that serves was judged on, and keep the
    report; None where no trained version serves."""
    settings = load_current_settings(app)
    return measure_drift(
        app.db,
        app.registry,
        snapshots=settings.snapshots,
        threshold=settings.drift_threshold,
        now=app.now(),
    )


def describe_app_health(app: App, window: timedelta = DAY) -> MonitorSummary:
    """The health of now and the figures of a window; writes nothing."""
    settings = load_current_settings(app)
    return describe_health(
        app.db,
        build_thresholds(settings),
        scale=settings.scale,
        tolerance=settings.tolerance,
        now=app.now(),
        window=window,
        worker_lease=SCHEDULER,
    )


def describe_app_retraining(app: App, by: str) -> RetrainingDecision:
    """Whether training is due, and why; writes nothing."""
    policy = build_policy(load_current_settings(app))
    with app.db.read() as conn:
        report = health.find_last_change(conn)
    return describe_retraining(app.db, policy, report, now=app.now(), by=by)


def check_app_retraining(app: App) -> RetrainingDecision:
    """Decide, keep what changed, and in mode `auto` ask for the training that is due."""
    policy = build_policy(load_current_settings(app))
    with app.db.read() as conn:
        report = health.find_last_change(conn)
    return check_retraining(app.db, policy, report, seed=SEED, now=app.now())


def start_app_retraining(app: App, *, by: str, reason: str) -> RetrainingDecision:
    """Ask for a training now; raises `Conflict` where one waits or runs."""
    policy = build_policy(load_current_settings(app))
    return start_retraining(app.db, policy, seed=SEED, by=by, reason=reason, now=app.now())
