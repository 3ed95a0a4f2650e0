"""Watching with all it needs taken from the app: for the schedule, the commands and the pages."""

import shutil
from datetime import timedelta

from core.alerts.auto_rollback import mend
from core.alerts.channels import Channel, open_channels, send_heartbeat
from core.alerts.clock_jumps import judge_clock
from core.alerts.delivery import Manners, deliver, send_test
from core.alerts.incidents import detect, record
from core.alerts.notification_policy import QuietHours
from core.alerts.threshold_backtest import ThresholdBacktest, rehearse
from core.bootstrap import App, load_current_settings, preview_setting
from core.clock import has_passed
from core.domain.actor import Actor
from core.domain.deployment import RetrainingDecision
from core.domain.incident import DeliveryReceipt, IncidentEvent, read_cause
from core.domain.job import SCHEDULER, Job, JobStatus
from core.domain.monitoring import DriftReport, SegmentReport
from core.domain.version import Widening
from core.errors import InvalidInput
from core.monitoring.drift.drift_job import measure_drift
from core.monitoring.flow import describe_health, watch
from core.monitoring.health.inputs import Disk
from core.monitoring.interval_calibration import measure_widenings
from core.monitoring.slices.slice_metrics import measure_segments
from core.monitoring.summary import MonitorSummary
from core.retraining.flow import (
    check_retraining,
    describe_retraining,
    judge_retraining,
    start_retraining,
)
from core.retraining.policy import build_policy
from core.settings import Settings
from core.store.jobs import jobs, schedule
from core.store.monitoring import health

DAY = timedelta(hours=24)
WATCH_TASK = "watch"
"""The scheduled task that measures and judges."""

RETRAIN_TASK = "retraining check"
"""The scheduled task that decides whether to train again."""

PREVIEW = "preview"
"""The kind of job that says whether retraining would help."""

_WATCH_PATIENCE = timedelta(minutes=2)

SEED = 0
"""The seed of automatic trainings, so that the same rows give the same version."""


def watch_app(app: App, *, worker_lease: str | None = SCHEDULER) -> list[IncidentEvent]:
    """Measure, judge, and let the incidents say what was found; the events that were appended.
    Without a lease's name nobody asks whether the worker runs."""
    settings = load_current_settings(app)
    report = watch(
        app.db,
        settings,
        scale=settings.scale,
        tolerance=settings.tolerance,
        now=app.now(),
        worker_lease=worker_lease,
        disk=_read_disk(settings),
    )
    events = detect(app.db, report, app.now(), [judge_clock(app.db, app.now())])
    mend(
        app.db,
        app.registry,
        report,
        settings,
        scale=settings.scale,
        baking=settings.baking,
        now=app.now(),
    )
    return events


def rehearse_app_setting(app: App, name: str, value: str) -> ThresholdBacktest:
    """Return the incidents that a threshold would have opened in the last days, and those of the
    current one; change nothing. Raises `InvalidInput` for a setting that cannot be changed or
    rehearsed."""
    would_be, as_is = preview_setting(app, name, value), load_current_settings(app)
    return rehearse(
        app.db,
        name,
        would_be=would_be,
        as_is=as_is,
        scale=as_is.scale,
        tolerance=as_is.tolerance,
        now=app.now(),
    )


def deliver_app(app: App) -> list[DeliveryReceipt]:
    """Send the messages that are due, and open an incident for a channel that fails."""
    settings = load_current_settings(app)
    quiet = settings.quiet_hours
    manners = Manners(
        silent=tuple(map(read_cause, settings.silent_causes)),
        quiet=None if quiet is None else QuietHours(*quiet),
        address=settings.public_url.rstrip("/")
        or f"http://{settings.host}:{settings.dashboard_port}",
    )
    return deliver(app.db, _open_channels(settings), manners, app.now())


def try_app_channels(app: App, by: Actor) -> list[DeliveryReceipt]:
    """Send a test to every channel; raises `InvalidInput` where there is none."""
    if not app.settings.notify:
        raise InvalidInput(
            "There is no channel: set PLUMBLINE_NOTIFY to one or more Apprise URLs, separated by "
            "commas, such as mailto://user:password@example.com, and start again."
        )
    return send_test(app.db, _open_channels(app.settings), by=by, now=app.now())


def send_app_heartbeat(app: App) -> str:
    """Send the heartbeat outside if watching works, and return what was done as a sentence. Raises
    `Unavailable`."""
    if not app.settings.heartbeat_url:
        return "no address is set"
    with app.db.read() as conn:
        watched = next((t for t in schedule.load_tasks(conn) if t.name == WATCH_TASK), None)
    finished_at = None if watched is None or watched.last_error else watched.last_finished_at
    if finished_at is None or has_passed(finished_at, _WATCH_PATIENCE, app.now()):
        return "withheld: watching does not work"
    send_heartbeat(app.settings.heartbeat_url.reveal())
    return "sent"


def measure_app_drift(app: App) -> DriftReport | None:
    """Compare the newest requests with the holdout of the version that serves, keep and return the
    report; None if no trained version serves."""
    settings = load_current_settings(app)
    return measure_drift(
        app.db,
        app.registry,
        snapshots=settings.snapshots,
        threshold=settings.drift_threshold,
        now=app.now(),
    )


def measure_app_segments(app: App) -> list[SegmentReport]:
    """Look where the newest labelled predictions of each version err, and keep the reports; none
    where too few have a label."""
    settings = load_current_settings(app)
    return measure_segments(
        app.db,
        scale=settings.scale,
        tolerance=settings.tolerance,
        min_labels=settings.min_labels,
        now=app.now(),
    )


def measure_app_widenings(app: App) -> list[Widening]:
    """Let the newest labels say how wide intervals are to be; what was changed."""
    return measure_widenings(app.db, app.registry, app.now())


def describe_app_health(app: App, window: timedelta = DAY) -> MonitorSummary:
    """The health of now and the figures of a window; writes nothing."""
    settings = load_current_settings(app)
    return describe_health(
        app.db,
        settings,
        scale=settings.scale,
        tolerance=settings.tolerance,
        now=app.now(),
        window=window,
        worker_lease=SCHEDULER,
        disk=_read_disk(settings),
    )


def describe_app_retraining(app: App, by: str) -> RetrainingDecision:
    """Return whether training is due, with the reasons; write nothing."""
    policy = build_policy(load_current_settings(app))
    with app.db.read() as conn:
        report = health.find_last_change(conn)
    return describe_retraining(app.db, policy, report, now=app.now(), by=by)


def check_app_retraining(app: App) -> RetrainingDecision:
    """Decide on retraining, keep a changed decision, and in mode `auto` request the training that
    is due."""
    policy = build_policy(load_current_settings(app))
    with app.db.read() as conn:
        report = health.find_last_change(conn)
    record(app.db, [judge_retraining(app.db)], app.now())
    return check_retraining(app.db, policy, report, seed=SEED, now=app.now())


def find_app_preview(app: App) -> Job | None:
    """Return the newest finished preview of retraining; None without one."""
    with app.db.read() as conn:
        return next(
            (job for job in jobs.load_jobs(conn, 20, [PREVIEW]) if job.status is JobStatus.DONE),
            None,
        )


def start_app_retraining(
    app: App, *, by: Actor, reason: str, deploys: bool = False
) -> RetrainingDecision:
    """Ask for a training now; with `deploys` a version that passes its gate is tried or serves.
    Raises `Conflict` where one waits or runs."""
    policy = build_policy(load_current_settings(app))
    return start_retraining(
        app.db, policy, seed=SEED, by=by, reason=reason, now=app.now(), deploys=deploys
    )


def _open_channels(settings: Settings) -> list[Channel]:
    return open_channels([address.reveal() for address in settings.notify])


def _read_disk(settings: Settings) -> Disk:
    usage = shutil.disk_usage(settings.home)
    return Disk(usage.free, usage.total)
