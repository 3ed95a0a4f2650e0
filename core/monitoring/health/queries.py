"""Facts that the rollups tell of any moment: requests, labels, and what a version delivered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.domain.monitoring import DAY, MINUTE, Outcomes, Rollup, Unanswered, floor_time
from core.domain.prediction import AnswerSource, Route
from core.domain.training_report import Metrics
from core.domain.version import HEURISTIC
from core.monitoring.health.degradation import WIDER_SPANS, LiveError, measure_delivery
from core.monitoring.health.inputs import HealthInputs, LabelledWindow, Recent
from core.monitoring.measure.performance import summarize_outcomes
from core.monitoring.measure.rollup_updates import load_window
from core.monitoring.measure.rollups import merge_outcomes
from core.monitoring.measure.traffic import add_up, count_route, merge_latency
from core.settings import Scale, Thresholds
from core.store.engine.database import Connection
from core.store.models import deployments, versions
from core.store.predictions import rollups
from core.store.predictions.unanswered import load_unanswered

ENOUGH_REQUESTS = 100
RECENT_WINDOWS = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
"""Errors, fallback and latency are judged over the shortest that holds enough requests."""

LABEL_WINDOWS = (timedelta(hours=24), timedelta(days=7), timedelta(days=30))
"""Accuracy is judged over the shortest that holds the smallest number of labels."""


def load_past_facts(
    conn: Connection,
    thresholds: Thresholds,
    *,
    scale: Scale,
    tolerance: float,
    at: datetime,
    errors: bool,
) -> HealthInputs:
    """Load the facts that were known at a moment of the past: of the requests or, with `errors`, of
    the errors of the predictions asked for until then, with the labels that have come since. The
    rest is left out: nothing else is kept that could be told of then."""
    current = deployments.find_current_at(conn, at)
    champion = None if current is None else current.plan.champion
    return HealthInputs(
        champion=champion,
        last_prediction_at=at,
        expected_requests=0.0,
        recent=() if errors else load_recent(conn, at),
        labelled=load_labelled(conn, champion, thresholds, scale, tolerance, at)
        if errors
        else None,
        tolerance=tolerance,
        delivered=load_delivered(conn, champion, thresholds.accuracy_span, at) if errors else None,
    )


def load_recent(conn: Connection, now: datetime) -> tuple[Recent, ...]:
    """Return the requests of each kind, each in the shortest window before a moment that holds
    enough of it; batches only where some came."""
    enough: dict[Route, Recent] = {}
    for window in RECENT_WINDOWS:
        counted = load_window(conn, now - window, now)
        missed = load_unanswered(conn, floor_time(now - window, MINUTE), now)
        for route in set(Route) - {
            route
            for route, recent in enough.items()
            if recent.counts.n_attempted >= ENOUGH_REQUESTS
        }:
            enough[route] = build_recent(route, counted, missed, window)
        if all(recent.counts.n_attempted >= ENOUGH_REQUESTS for recent in enough.values()):
            break
    single, batch = enough[Route.SINGLE], enough[Route.BATCH]
    if not batch.counts.n_attempted:
        return (single,)
    return (single, batch) if single.counts.n_attempted else (batch,)


def build_recent(
    route: Route, counted: Sequence[Rollup], missed: Sequence[Unanswered], window: timedelta
) -> Recent:
    """Return one kind of request as the rollups and the counts of a window have it."""
    return Recent(
        count_route(route, counted, missed),
        merge_latency(rollup for rollup in counted if rollup.route is route),
        window,
        route,
        add_up(one for one in missed if one.route == route and one.source is AnswerSource.REFUSED),
    )


def load_labelled(
    conn: Connection,
    champion: int | None,
    thresholds: Thresholds,
    scale: Scale,
    tolerance: float,
    now: datetime,
) -> LabelledWindow | None:
    """A version's labels in the shortest window before a moment that holds enough of them."""
    if champion is None:
        return None
    for window in LABEL_WINDOWS:
        figures = summarize_outcomes(
            (
                rollup
                for rollup in load_window(conn, now - window, now)
                if rollup.version == champion and rollup.source is AnswerSource.MODEL
            ),
            scale=scale,
            tolerance=tolerance,
            min_labels=thresholds.min_labels,
        )
        if figures.accuracy is not None:
            break
    return LabelledWindow(figures, window)


def load_delivered(
    conn: Connection, champion: int | None, span: timedelta, before: datetime | None = None
) -> LiveError | None:
    """Load the live errors of the champion or, until it has labels enough, of it and the versions
    before it: where versions change more often than labels come, nobody would ever hear of an error
    otherwise. The newest labelled predictions count, by the time of the prediction: labels may come
    weeks later. With `before`, only those asked for by then."""
    if champion is None or champion == HEURISTIC:
        return None
    own_at = _find_last_labelled_at(conn, champion, before)
    if own_at is not None:
        days = _load_days(conn, own_at, span, champion)
        own = measure_delivery(_load_promises(conn, days), days, span)
        if own is not None:
            return own
    newest = rollups.find_last_labelled_version(conn)
    newest_at = None if newest is None else _find_last_labelled_at(conn, newest, before)
    last_at = max((at for at in (own_at, newest_at) if at is not None), default=None)
    if last_at is None:
        return None
    recent: list[dict[int, Outcomes]] | None = None
    for looked_back in (n * span for n in WIDER_SPANS):
        days = _load_days(conn, last_at, looked_back)
        found = measure_delivery(_load_promises(conn, days), days, looked_back, recent)
        if found is not None:
            alone = found.version == champion and not found.before
            return found if alone else replace(found, successor=champion)
        recent = recent or days
    return None


def _find_last_labelled_at(
    conn: Connection, version: int, before: datetime | None
) -> datetime | None:
    found = rollups.find_last_labelled_at(conn, version)
    if found is None or before is None:
        return found
    return min(found, before - timedelta(seconds=MINUTE))


def _load_days(
    conn: Connection, last_at: datetime, span: timedelta, version: int | None = None
) -> list[dict[int, Outcomes]]:
    """The outcomes of models' own answers in the span that ends with the minute `last_at`, by days
    and versions; of one version where it is given."""
    to_at = last_at + timedelta(seconds=MINUTE)
    days: dict[int, dict[int, list[Outcomes]]] = {}
    for rollup in load_window(conn, to_at - span, to_at):
        wanted = rollup.source is AnswerSource.MODEL and version in (None, rollup.version)
        if wanted and rollup.outcomes.n:
            day = round(floor_time(rollup.start_at, DAY).timestamp()) // DAY
            days.setdefault(day, {}).setdefault(rollup.version, []).append(rollup.outcomes)
    return [
        {number: merge_outcomes(parts) for number, parts in by_version.items()}
        for _, by_version in sorted(days.items())
    ]


def _load_promises(conn: Connection, days: list[dict[int, Outcomes]]) -> dict[int, Metrics]:
    """Load the holdout metrics of the versions of some days; without those that have none."""
    found = (versions.find_version(conn, number) for number in {n for day in days for n in day})
    return {version.number: version.report.metrics for version in found if version is not None}
