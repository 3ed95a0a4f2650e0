"""Watching: measure, judge, keep what changed; and the summary of it all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.domain.monitoring import MINUTE, Health, HealthReport, Rollup, Unanswered, floor_time
from core.domain.prediction import AnswerSource
from core.domain.version import HEURISTIC
from core.log import get_logger
from core.monitoring.health.checks import MIN_SILENCE
from core.monitoring.health.expected_traffic import choose_spans, expect_requests, summarize_spread
from core.monitoring.health.health import has_changed, judge_health
from core.monitoring.health.inputs import Disk, HealthInputs, LabelSilence, Worker
from core.monitoring.health.queries import load_delivered, load_labelled, load_recent
from core.monitoring.measure.label_delay import summarize_lag
from core.monitoring.measure.performance import summarize_performance
from core.monitoring.measure.rollup_updates import load_window, measure
from core.monitoring.measure.traffic import choose_step, summarize_traffic
from core.monitoring.slices.segments import name_culprit
from core.monitoring.slices.slice_metrics import list_reports
from core.monitoring.summary import NEWEST_REQUESTS, MonitorSummary
from core.settings import Scale, Thresholds
from core.store.engine.database import Connection, Database
from core.store.installation import api_keys
from core.store.jobs import schedule
from core.store.models import deployments, versions
from core.store.monitoring import drift, health, incidents, segments
from core.store.predictions import labels, rollups, unanswered

_N_REASONS = 5
_SPREAD_SCORES = 500
_SPREAD_WINDOW = timedelta(hours=24)
_MAX_UNMEASURED = 10_000
_N_DELAYS = 1_000

log = get_logger(__name__)


def watch(
    db: Database,
    thresholds: Thresholds,
    *,
    scale: Scale,
    tolerance: float,
    now: datetime,
    worker_lease: str | None = None,
    disk: Disk | None = None,
) -> HealthReport:
    """Measure what came in, judge it, and append the report where it says something new."""
    measure(db, now, scale=scale, tolerance=tolerance)
    with db.read() as conn:
        facts = load_facts(conn, thresholds, scale, tolerance, now, worker_lease, disk)
        last = health.find_last_change(conn)
    report = judge_health(facts, thresholds, now)
    if has_changed(last, report):
        with db.write() as conn:
            if has_changed(health.find_last_change(conn), report):
                health.append_change(conn, report)
        log.info("health_changed", health=report.health.value)
    return report


def describe_health(
    db: Database,
    thresholds: Thresholds,
    *,
    scale: Scale,
    tolerance: float,
    now: datetime,
    window: timedelta = timedelta(hours=24),
    worker_lease: str | None = None,
    disk: Disk | None = None,
) -> MonitorSummary:
    """The health of now and the figures of the window that ends now and starts with a whole step of
    its series; writes nothing. With `worker_lease`, the name of the lease that the worker holds, a
    worker that does not run is a reason too."""
    step = choose_step(now - window, now)
    from_at = floor_time(now - window, round(step.total_seconds()))
    with db.read() as conn:
        facts = load_facts(conn, thresholds, scale, tolerance, now, worker_lease, disk)
        counted = load_window(conn, from_at, now, step)
        progress = rollups.find_progress(conn)
        asked = {rollup.version for rollup in counted} - {HEURISTIC}
        champions = set() if facts.champion in (None, HEURISTIC) else {facts.champion}
        synthetic = tuple(
            number for number in sorted(asked | champions) if _is_synthetic(conn, number)
        )
        report = judge_health(facts, thresholds, now)
        silence = report.find_reason("labels")
        return MonitorSummary(
            report=report,
            window=window,
            champion=facts.champion,
            synthetic=facts.champion in synthetic,
            synthetic_versions=synthetic,
            lag=summarize_lag(
                *_count_labels(counted),
                labels.load_delays(conn, _N_DELAYS),
                now - from_at,
                stopped=silence is not None and silence.health is not Health.HEALTHY,
            ),
            drift=facts.drift,
            segments=tuple(list_reports(conn, facts.champion, now)),
            widening=None if facts.champion is None else health.find_widening(conn, facts.champion),
            traffic=summarize_traffic(
                counted,
                from_at,
                now,
                scale=scale,
                step=step,
                unanswered=_load_unanswered(conn, from_at, now),
            ),
            performance=summarize_performance(
                counted,
                from_at,
                now,
                tolerance=tolerance,
                scale=scale,
                min_labels=thresholds.min_labels,
                step=step,
            ),
            shortfalls=tuple(
                rollups.count_shortfalls(conn, from_at, limit=NEWEST_REQUESTS, most=_N_REASONS)
            ),
            incidents=tuple(incidents.load_unresolved(conn)),
            n_unmatched_labels=rollups.count_unmatched(conn),
            n_unmeasured=rollups.count_unmeasured(conn, _MAX_UNMEASURED),
            measured_at=None if progress is None else progress.measured_at,
        )


def _load_unanswered(conn: Connection, from_at: datetime, now: datetime) -> list[Unanswered]:
    """Return the requests of a window that are not in the log, with the names of the keys that
    called."""
    names = {f"key {key.id}": f"key {key.id} ({key.name})" for key in api_keys.load_keys(conn)}
    return [
        replace(one, caller=names.get(one.caller, one.caller))
        for one in unanswered.load_unanswered(conn, floor_time(from_at, MINUTE), now)
    ]


def _count_labels(counted: Sequence[Rollup]) -> tuple[int, int]:
    """The model's scores, and how many of them have a label."""
    answered = [rollup for rollup in counted if rollup.source is AnswerSource.MODEL]
    return sum(rollup.n for rollup in answered), sum(rollup.outcomes.n for rollup in answered)


def load_facts(
    conn: Connection,
    thresholds: Thresholds,
    scale: Scale,
    tolerance: float,
    now: datetime,
    worker_lease: str | None,
    disk: Disk | None = None,
) -> HealthInputs:
    """Load the inputs of health from the rollups and a few hundred of the newest predictions."""
    current = deployments.find_current(conn)
    champion = None if current is None else current.plan.champion
    moments = (rollups.find_last_prediction_at(conn), unanswered.find_last_at(conn))
    last_at = max((at for at in moments if at is not None), default=None)
    scores = (
        []
        if champion is None
        else rollups.load_recent_scores(conn, champion, now - _SPREAD_WINDOW, _SPREAD_SCORES)
    )
    return HealthInputs(
        champion=champion,
        last_prediction_at=last_at,
        expected_requests=_load_expected(conn, last_at, thresholds, now),
        recent=load_recent(conn, now),
        labelled=load_labelled(conn, champion, thresholds, scale, tolerance, now),
        tolerance=tolerance,
        spread=summarize_spread(scores, scale),
        worker=None if worker_lease is None else _load_worker(conn, worker_lease, now),
        delivered=load_delivered(conn, champion, thresholds.accuracy_span),
        drift=None if champion is None else drift.find_last_report(conn, champion),
        bad_before=_load_bad(conn),
        label_silence=_load_label_silence(conn, now),
        disk=disk,
        culprit=None
        if champion is None
        else name_culprit(segments.find_last_report(conn, champion)),
    )


def _load_expected(
    conn: Connection, last_at: datetime | None, thresholds: Thresholds, now: datetime
) -> float:
    first_at = rollups.find_first_prediction_at(conn)
    if last_at is None or first_at is None or now - last_at <= thresholds.stale_after:
        return 0.0
    spans = choose_spans(first_at, last_at, now)
    counts = [rollups.count_predictions(conn, start, start + length) for start, length in spans]
    return expect_requests(spans, counts, now - last_at)


def _load_bad(conn: Connection) -> frozenset[str]:
    """The checks that were not well when the health last changed."""
    last = health.find_last_change(conn)
    bad = (Health.WARNING, Health.CRITICAL)
    reasons = () if last is None else last.reasons
    return frozenset(reason.code for reason in reasons if reason.health in bad)


def _load_label_silence(conn: Connection, now: datetime) -> LabelSilence | None:
    span = labels.find_span(conn)
    if span is None:
        return None
    first_at, last_at = span
    if now - last_at < MIN_SILENCE:
        return LabelSilence(last_at, 0.0)
    spans = choose_spans(first_at, last_at, now)
    counts = [labels.count_received(conn, start, start + length) for start, length in spans]
    return LabelSilence(last_at, expect_requests(spans, counts, now - last_at))


def _load_worker(conn: Connection, lease_name: str, now: datetime) -> Worker:
    lease = schedule.find_lease(conn, lease_name)
    progress = rollups.find_progress(conn)
    return Worker(
        alive=lease is not None and lease.is_live(now),
        expired_at=None if lease is None else lease.expires_at,
        n_unmeasured=rollups.count_unmeasured(conn, _MAX_UNMEASURED),
        measured_at=None if progress is None else progress.measured_at,
        unmeasured_since=rollups.find_first_unmeasured_at(conn),
    )


def _is_synthetic(conn: Connection, number: int) -> bool:
    version = versions.find_version(conn, number)
    return version is not None and version.report.synthetic
