"""The evidence for a rollback: a release and the version before it on the same requests."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.artifacts.artifact import Artifact
from core.domain.deployment import Release, ReleaseEvidence, Slowness
from core.domain.monitoring import MINUTE, Health, floor_time
from core.domain.prediction import AnswerSource, Prediction, Route
from core.domain.version import HEURISTIC
from core.errors import OpsError
from core.monitoring.health.expected_traffic import summarize_spread
from core.monitoring.health.inputs import Recent
from core.monitoring.health.queries import ENOUGH_REQUESTS, RECENT_WINDOWS, build_recent
from core.monitoring.health.service_checks import check_recent, find_latency_limits
from core.monitoring.measure.rollup_updates import load_window
from core.registry import Registry
from core.serving.scoring import recall_asked, score_asked
from core.serving.version_loader import DOES_NOT_LOAD
from core.settings import Scale, Thresholds
from core.stats.histogram import quantile
from core.store.engine.database import Connection, Database
from core.store.models import trials, versions
from core.store.predictions.predictions import load_newest, read_all
from core.store.predictions.unanswered import load_unanswered

_N_REPLAYED = 400  # newest requests of the release
_N_TIMED = 40  # of these, scored one by one by either version in turn
_EARLIER = timedelta(days=1)  # before a release it is looked whether it was so already

Scored = list[float | str]
"""A score for each request, or why there is none."""


def load_evidence(
    db: Database,
    registry: Registry,
    release: Release,
    thresholds: Thresholds,
    *,
    replays: bool,
    scale: Scale,
    now: datetime,
    timer: Callable[[], float],
) -> ReleaseEvidence:
    """Return what is known of a release and the version before: its newest requests are replayed
    by both, since only some were scored by both when they came, where it `replays`: that takes
    a second. `timer` counts seconds."""
    row, champion, before = release.row, release.row.plan.champion, release.before
    assert before is not None
    with read_all(db) as conn:
        n_replayed = _N_REPLAYED if replays else 0
        asked = load_newest(conn, n_replayed, version=champion, from_revision=row.revision)
        since = _load_requests(conn, row.at, now, champion)
        n_lost = _count_lost(conn, since, now)
        earlier = _load_requests(conn, row.at - _EARLIER, row.at, before)
        n_pairs, gain, deviation = trials.measure_gain(conn, row, before)
        own, other = (_find(conn, registry, number) for number in (champion, before))
    mine, theirs = (_score(db, one, asked) for one in (own, other))
    times = _time(db, own, other, asked, timer)
    evidence = ReleaseEvidence(
        bad_since=_find_critical(since, thresholds),
        bad_before=_find_critical(earlier, thresholds),
        n_pairs=n_pairs,
        gain=gain,
        deviation=deviation,
        slowness=tuple(_build_slowness(one, times, thresholds) for one in since),
    )
    return _compare(evidence, asked, mine, theirs, scale, _count_elsewhere(since, n_lost, asked))


def _load_requests(
    conn: Connection, from_at: datetime, to_at: datetime, version: int
) -> list[Recent]:
    """Return the requests of each kind to a version in the shortest window at the end of a span
    that holds enough of them, with those of then that are not in the log."""
    found: dict[Route, Recent] = {}
    for window in RECENT_WINDOWS:
        start_at = floor_time(max(to_at - window, from_at), MINUTE)
        counted = [
            rollup for rollup in load_window(conn, start_at, to_at) if rollup.version == version
        ]
        missed = load_unanswered(conn, start_at, to_at)
        for route in Route:
            known = found.get(route)
            if known is None or known.counts.n_attempted < ENOUGH_REQUESTS:
                found[route] = build_recent(route, counted, missed, to_at - start_at)
    return [one for one in found.values() if one.counts.n_attempted]


def _count_lost(conn: Connection, since: Sequence[Recent], now: datetime) -> int:
    """Return the number of requests of these windows that failed and are not in the log."""
    return sum(
        lost.n
        for one in since
        for lost in load_unanswered(conn, now - one.window, now)
        if lost.route == one.route and lost.source is AnswerSource.FAILED
    )


def _count_elsewhere(since: Sequence[Recent], n_lost: int, asked: Sequence[Prediction]) -> int:
    """Return the number of requests that failed without being logged for as many that were logged
    without a model's answer as are among `asked`, the newest."""
    counts = [one.counts for one in since]
    n_logged = sum(one.n_failed + one.n_heuristic + one.n_unreadable for one in counts) - n_lost
    n_seen = sum(answer.source is not AnswerSource.MODEL for answer in asked)
    return n_lost if n_logged <= 0 else round(n_lost * min(n_seen / n_logged, 1.0))


def _find_critical(requests: Sequence[Recent], thresholds: Thresholds) -> frozenset[str]:
    checks = (check for one in requests for check in check_recent(one, thresholds))
    return frozenset(check.code for check in checks if check.health is Health.CRITICAL)


def _find(conn: Connection, registry: Registry, number: int) -> "tuple[int, Artifact | None]":
    if number == HEURISTIC:
        return number, None
    try:
        return number, registry.load_artifact(versions.get_version(conn, number).artifact_hash)
    except OpsError:
        return number, None


def _score(
    db: Database, version: "tuple[int, Artifact | None]", asked: Sequence[Prediction]
) -> Scored:
    number, artifact = version
    if artifact is None:
        return ["no model"] * len(asked)
    rows = [recall_asked(one) for one in asked]
    return score_asked(db, artifact, number, rows, lambda _: None)


def _time(
    db: Database,
    own: "tuple[int, Artifact | None]",
    other: "tuple[int, Artifact | None]",
    asked: Sequence[Prediction],
    timer: Callable[[], float],
) -> tuple[float, float]:
    """Return the p95 of the ms that each version takes to score a row, in turn, so that whatever
    else runs holds up both alike; 0 for the heuristic and for what does not load."""
    taken: tuple[list[float], list[float]] = ([], [])
    for one in asked[:_N_TIMED]:
        for version, times in zip((own, other), taken, strict=True):
            started = timer()
            _score(db, version, [one])
            times.append((timer() - started) * 1000)
    own_ms, other_ms = (sorted(times)[int(0.95 * len(times))] if times else 0.0 for times in taken)
    return own_ms, other_ms if other[1] is not None else 0.0


def _build_slowness(recent: Recent, times: tuple[float, float], thresholds: Thresholds) -> Slowness:
    counts = recent.counts
    n_rows = max(counts.n_rows / counts.n_attempted, 1.0)
    own_ms, before_ms = (ms * n_rows for ms in times)
    return Slowness(
        quantile(recent.latency, 0.95) or 0.0,
        find_latency_limits(recent.route, thresholds)[1],
        own_ms,
        before_ms,
        counts.n_attempted / max(recent.window.total_seconds(), 1.0),
    )


def _compare(
    evidence: ReleaseEvidence,
    asked: Sequence[Prediction],
    mine: Scored,
    theirs: Scored,
    scale: Scale,
    n_elsewhere: int,
) -> ReleaseEvidence:
    """Add what the scores of both say. A request that the release could not answer, and can when it
    is replayed, failed for another reason, unless it was not loaded then."""
    n_unscored = n_unscored_before = 0
    scored: list[tuple[float, float, str]] = []
    for answer, own, other in zip(asked, mine, theirs, strict=True):
        if answer.source is AnswerSource.MODEL:
            if not isinstance(own, str) and not isinstance(other, str):
                scored.append((own, other, repr(sorted(answer.features.items()))))
        elif isinstance(own, str) or DOES_NOT_LOAD in (answer.reason or ""):
            n_unscored += 1
            n_unscored_before += isinstance(other, str)
        elif answer.source is AnswerSource.FAILED:
            n_elsewhere += 1
    spread = summarize_spread([(own, key) for own, _, key in scored], scale)
    spread_before = summarize_spread([(other, key) for _, other, key in scored], scale)
    return replace(
        evidence,
        n_unscored=n_unscored,
        n_unscored_before=n_unscored_before,
        n_elsewhere=n_elsewhere,
        n_distinct=0 if spread is None else spread.n_distinct,
        fullest=0.0 if spread is None else spread.share,
        fullest_before=0.0 if spread_before is None else spread_before.share,
    )
