"""The scheduled tasks, each with its interval."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core import text
from core.alerts.incidents import record
from core.alerts.rules import Finding
from core.bootstrap import App, load_current_settings
from core.clock import has_passed
from core.data.erase import remove_old_files
from core.data.quality.overview import describe_data, refresh_quality
from core.deployment.trials import watch_trial
from core.domain.job import FINAL
from core.domain.monitoring import Health
from core.domain.version import version_name
from core.errors import Unavailable
from core.libraries import IMPORTING
from core.monitoring.retention import describe_run, fold_refusals, remove_due, remove_logins
from core.monitoring.slices.segments import name_culprit
from core.store.jobs import jobs
from core.store.models import deployments
from core.store.predictions import feedback
from core.store.predictions.predictions import move_batches
from core.watching import (
    RETRAIN_TASK,
    WATCH_TASK,
    check_app_retraining,
    deliver_app,
    measure_app_drift,
    measure_app_segments,
    measure_app_widenings,
    send_app_heartbeat,
    watch_app,
)


@dataclass(frozen=True, slots=True)
class Task:
    """`run` returns what came of it as a sentence."""

    name: str
    every_seconds: float
    run: Callable[[App], str]


def _watch(app: App) -> str:
    events = watch_app(app)
    changes = ", ".join(f"incident {event.incident_id} {event.kind}" for event in events)
    return changes or "measured; no incident changed"


def _measure_drift(app: App) -> str:
    report = measure_app_drift(app)
    if report is None:
        return "no trained version serves"
    if report.note:
        return report.note
    drifted = ", ".join(report.drifted) or "nothing"
    return f"{drifted} drifted, of {report.n_columns} columns over {report.n_rows} requests"


def _deliver(app: App) -> str:
    receipts = deliver_app(app)
    n_failed = sum(receipt.error is not None for receipt in receipts)
    if not receipts:
        return "nothing to send"
    return f"{len(receipts) - n_failed} messages sent, {n_failed} failed"


def _measure_segments(app: App) -> str:
    reports = measure_app_segments(app)
    said = [
        f"{version_name(report.version)}: "
        f"{name_culprit(report) or 'no segment errs more than the rest'}; {report.n_parts} "
        "segments "
        f"tested, {report.n_labelled} labels"
        for report in reports
    ]
    return ". ".join(said) or "too few labels to test segments"


def _measure_widenings(app: App) -> str:
    changed = measure_app_widenings(app)
    said = [
        f"intervals of {version_name(one.version)} are {one.factor:g} times as wide"
        for one in changed
    ]
    return ", ".join(said) or "interval widths are unchanged"


def _check_retraining(app: App) -> str:
    decision = check_app_retraining(app)
    due = "due" if decision.retrain else "not due"
    return f"retraining is {due}: {' '.join(decision.reasons)}"


def _watch_trial(app: App) -> str:
    following = watch_trial(app.db, app.registry, app.now())
    if following is None:
        return "no trial runs"
    return (
        f"{following.kind} at {text.chosen_percent(following.traffic)}: "
        f"{' '.join(following.reasons)}"
    )


def _check_data(app: App) -> str:
    """Rows that services push are checked here, since a check reads every row; and what a killed
    erasure left on the disk is removed."""
    remove_old_files(app.db, app.settings.snapshots)
    summary = describe_data(app.db)
    newest = max((c.finished_at for c in summary.collections if c.finished_at), default=None)
    if newest is None or (summary.quality is not None and summary.quality.at >= newest):
        return "nothing new to check"
    report = refresh_quality(
        app.db,
        app.settings.scale,
        app.now(),
        app.settings.rules,
        load_current_settings(app).tolerance,
    )
    return f"{report.n_rows} rows checked, {len(report.issues)} issues"


def _collect(app: App) -> str:
    """A job does the work, so that it can be watched and cancelled, and dies alone."""
    settings = load_current_settings(app)
    with app.db.read() as conn:
        has_feedback = feedback.count_waiting(conn) > 0
    if not (has_feedback or settings.supabase_url or settings.watch_folder):
        return "no source is configured"
    with app.db.write() as conn:
        newest = next(iter(jobs.load_jobs(conn, 1, ["collect"])), None)
        if newest is not None and newest.status not in FINAL:
            return f"job {newest.id} is still running"
        every = timedelta(minutes=settings.collect_every_minutes)
        if newest is not None and not has_passed(newest.requested_at, every, app.now()):
            return f"job {newest.id} collected at {newest.requested_at:%H:%M} UTC"
        job = jobs.append_job(
            conn, "collect", {}, by="schedule", reason="scheduled collection", now=app.now()
        )
    return f"job {job.id} collects"


def _move_batches(app: App) -> str:
    n_rows = move_batches(app.db)
    return f"{n_rows:,} predictions moved to the log" if n_rows else "no batch waits"


def _remove_old(app: App) -> str:
    n_logins = remove_logins(app.db, app.settings, app.now())
    fold_refusals(app.db, app.now())
    logins = f"; {text.count(n_logins, 'old login')} removed" if n_logins else ""
    return _remove_predictions(app) + logins


def _remove_predictions(app: App) -> str:
    if not app.settings.keep_predictions_days:
        return "all predictions are kept"
    keep = timedelta(days=app.settings.keep_predictions_days)
    run = remove_due(app.db, keep=keep, now=app.now())
    health = Health.WARNING if run.asks else Health.HEALTHY
    record(app.db, [Finding("retention", health, describe_run(run, keep))], app.now())
    return describe_run(run, keep)


def _record_in_mlflow(app: App) -> str:
    """Record in MLflow the runs that it has missed, and point its alias at the version that serves.
    The store of runs is made at the first start, which takes ten seconds."""
    with IMPORTING:
        # Not at the top: the dashboard schedules this too, and its first paint would wait.
        from core.training.flow import sync_runs
        from core.training.notes import sync_notes

    app.registry.prepare()
    n_recorded = sync_runs(app.db, app.registry, app.now())
    sync_notes(app.db, app.registry, app.now())
    with app.db.read() as conn:
        current = deployments.find_current(conn)
    if current is not None:
        app.registry.mirror_alias(current.plan.champion)
    if reasons := app.registry.retries.reasons:
        raise Unavailable(f"{text.count(len(reasons), 'record')} failed. {reasons[0]}")
    return f"{n_recorded} versions recorded"


def _find_lost_runs(app: App) -> str:
    """Look for runs that somebody deleted in MLflow by hand: the next sync records them again."""
    # Not at the top: the dashboard schedules this too, and its first paint would wait.
    from core.training.flow import forget_lost_runs

    app.registry.prepare()
    n_lost = forget_lost_runs(app.db, app.registry)
    return f"{text.count(n_lost, 'run')} missing in MLflow" if n_lost else "every run is there"


TASKS: tuple[Task, ...] = (
    Task(WATCH_TASK, 15.0, _watch),
    Task("batches", 5.0, _move_batches),
    Task("messages", 10.0, _deliver),
    Task("heartbeat", 60.0, send_app_heartbeat),
    Task("drift", 3_600.0, _measure_drift),
    Task("segments", 900.0, _measure_segments),
    Task("intervals", 60.0, _measure_widenings),
    Task("trial", 60.0, _watch_trial),
    Task(RETRAIN_TASK, 300.0, _check_retraining),
    Task("collection", 60.0, _collect),
    Task("data check", 60.0, _check_data),
    Task("retention", 300.0, _remove_old),
    Task("MLflow", 60.0, _record_in_mlflow),
    Task("MLflow runs", 3_600.0, _find_lost_runs),
)
