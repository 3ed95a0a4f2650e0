"""The rules of the automatic rollback: which one is due, whether it would help, how soon; pure."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core import text
from core.alerts.rules import CONFIRM_AFTER, read_findings
from core.domain.deployment import Deployment, Release, ReleaseEvidence, Slowness, find_release
from core.domain.incident import EventKind, Incident
from core.domain.monitoring import Health, HealthReport
from core.domain.version import HEURISTIC, version_name
from core.monitoring.health.inputs import Recent
from core.monitoring.health.queries import ENOUGH_REQUESTS, RECENT_WINDOWS
from core.monitoring.health.service_checks import COLLAPSED_SHARE, MIN_DISTINCT, check_recent
from core.monitoring.measure.traffic import Counts
from core.settings import Thresholds
from core.stats.histogram import latency_bucket, quantile

ERRORS = frozenset({"error_growth", "accuracy"})
"""The checks that labels decide, and no replay."""

_REQUESTS = frozenset({"error_rate", "fallback", "latency"})
CURABLE = ERRORS | _REQUESTS | {"collapsed"}
"""The checks that another version can cure."""

MIN_REQUESTS = 10  # that both versions were asked, before they are compared
_DEVIATIONS = 3.0  # standard errors: the evidence is looked at every few seconds
_TWICE = 2.0  # the version before is better where it fails or takes half as much at most
_BUSY = 0.7  # share of one core's time from which on requests wait for each other
_ASK_AGAIN = timedelta(minutes=10)  # after it was said that a release stays


@dataclass(frozen=True, slots=True)
class Cure:
    """The incident that asks for a rollback, and what it would undo."""

    incident: Incident
    checks: frozenset[str]  # that are critical and that another version can cure
    release: Release
    revision: int  # of the plan that this rests on


class Preference(StrEnum):
    """The answer that evidence gives on the version before."""

    BETTER = "better"
    ALIKE = "alike"  # it would not help
    UNKNOWN = "unknown"  # too little is known yet


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and a sentence on what it rests on."""

    answer: Preference
    why: str = ""


def choose_cure(
    history: Sequence[Deployment],
    unresolved: Sequence[Incident],
    report: HealthReport,
    now: datetime,
    baking: timedelta,
) -> Cure | None:
    """Return the rollback that is to be looked at: the champion was deployed or promoted less than
    `baking` ago, and a check that another version can cure has been critical since then, in an open
    incident, for `CONFIRM_AFTER` and in this look. A release is rolled back once; where it was said
    that it stays, that is looked at again after as long as it had lasted then. Whoever deployed the
    heuristic meant it."""
    release = find_release(history, now, baking)
    if release is None or release.row.plan.champion == HEURISTIC:
        return None
    begun_at = release.row.at
    now_critical = {
        finding.cause for finding in read_findings(report) if finding.severity is Health.CRITICAL
    }
    for incident in unresolved:
        since = {
            check: incident.find_since(check, Health.CRITICAL) for check in CURABLE & now_critical
        }
        checks = frozenset(
            check
            for check, at in since.items()
            if at is not None and at > begun_at and now - at >= CONFIRM_AFTER
        )
        if incident.was_opened and checks and _is_due(incident, begun_at, now):
            return Cure(incident, checks, release, history[-1].revision)
    return None


def judge_evidence(evidence: ReleaseEvidence, checks: Collection[str], before: int) -> Verdict:
    """Return whether the version `before` does better in one of these critical checks. A check of
    the requests has to fail for the release's own requests, and not before it already.

    >>> judge_evidence(ReleaseEvidence(), ["accuracy"], 1).answer.value
    'unknown'
    >>> evidence = ReleaseEvidence(n_pairs=25, gain=3.0, deviation=4.0)
    >>> judge_evidence(evidence, ["accuracy"], 1).answer.value
    'better'
    """
    name = version_name(before)
    found = [_judge_check(evidence, check, name) for check in sorted(checks)]
    for answer in (Preference.BETTER, Preference.UNKNOWN):
        first = next((one for one in found if one.answer is answer), None)
        if first is not None:
            return first
    return Verdict(Preference.ALIKE, " ".join(dict.fromkeys(one.why for one in found)))


def promise_rollback(
    thresholds: Thresholds,
    check: str,
    *,
    requests_per_minute: float,
    share: float = 1.0,
    look_seconds: float = 15.0,
) -> timedelta | None:
    """Return the time within which a release is rolled back of which this share of the requests
    fails, gets no model's answer, is slow or gets one score, at an even rate of single requests;
    None where that is never critical. The window that is judged holds the requests of before the
    release too. Errors of scores wait for their labels and have no such time."""
    if check == "collapsed":
        needed = float(MIN_DISTINCT) if share >= COLLAPSED_SHARE else math.inf
    else:
        minutes = _find_window(requests_per_minute).total_seconds() / 60 + 1
        n_window = math.ceil(requests_per_minute * minutes)
        n_bad = _find_critical(thresholds, check, n_window)
        needed = math.inf if n_bad is None or n_bad > share * n_window else float(n_bad)
        needed = max(needed, float(MIN_REQUESTS), 2.0 * MIN_REQUESTS * share)
    if not math.isfinite(needed) or share <= 0.0:
        return None
    arrivals = needed + _DEVIATIONS * math.sqrt(needed)  # requests come when they like
    seconds = 60 * arrivals / (share * requests_per_minute)
    return timedelta(seconds=seconds + 4 * look_seconds)


def _find_window(requests_per_minute: float) -> timedelta:
    for window in RECENT_WINDOWS:
        if requests_per_minute * window.total_seconds() / 60 >= ENOUGH_REQUESTS:
            return window
    return RECENT_WINDOWS[-1]


def _find_critical(thresholds: Thresholds, check: str, n: int) -> int | None:
    """Return the smallest number of bad requests, of n in a window, with which a check is critical;
    None where none is enough."""
    if not _is_critical(thresholds, check, n, n):
        return None
    low, high = 0, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_critical(thresholds, check, middle, n) else (middle, high)
    return high


def _is_critical(thresholds: Thresholds, check: str, n_bad: int, n: int) -> bool:
    slow_ms = 10 * thresholds.latency_critical_ms
    latency = {latency_bucket(0.1): n - n_bad, latency_bucket(slow_ms): n_bad}
    if check != "latency":
        latency = {latency_bucket(0.1): n}
    counts = Counts(
        n_model=n if check == "latency" else n - n_bad,
        n_heuristic=n_bad if check == "fallback" else 0,
        n_failed=n_bad if check == "error_rate" else 0,
        p95_ms=quantile(latency, 0.95),
    )
    found = check_recent(Recent(counts, latency, RECENT_WINDOWS[0]), thresholds)
    return any(one.code == check and one.health is Health.CRITICAL for one in found)


def _is_due(incident: Incident, begun_at: datetime, now: datetime) -> bool:
    events = [event for event in incident.events if event.at > begun_at]
    if any(event.kind is EventKind.MENDED for event in events):
        return False
    kept = [event.at for event in events if event.kind is EventKind.KEPT]
    return not kept or now - kept[-1] >= max(_ASK_AGAIN, kept[-1] - begun_at)


def _judge_check(evidence: ReleaseEvidence, check: str, name: str) -> Verdict:
    if check in _REQUESTS:
        if check in evidence.bad_before:
            return Verdict(Preference.ALIKE, "it was critical before the release already.")
        if check not in evidence.bad_since:
            return Verdict(Preference.UNKNOWN)
        return (
            _judge_latency(evidence, name)
            if check == "latency"
            else _judge_unscored(evidence, name)
        )
    if check == "collapsed":
        return _judge_spread(evidence, name)
    return _judge_gain(evidence, name)


def _judge_unscored(evidence: ReleaseEvidence, name: str) -> Verdict:
    n, n_before, n_elsewhere = (
        evidence.n_unscored,
        evidence.n_unscored_before,
        evidence.n_elsewhere,
    )
    if n_elsewhere >= max(n, MIN_REQUESTS):
        return Verdict(
            Preference.ALIKE,
            f"{n_elsewhere:,} requests failed for a reason that no version has, such as a log that "
            "could not be written.",
        )
    if n < MIN_REQUESTS:
        return Verdict(Preference.UNKNOWN)
    why = f"{name} cannot score {n_before:,} of the newest {n:,} requests that failed."
    return Verdict(Preference.BETTER if _TWICE * n_before < n else Preference.ALIKE, why)


def _judge_latency(evidence: ReleaseEvidence, name: str) -> Verdict:
    slow = [one for one in evidence.slowness if one.p95_ms > one.limit_ms]
    if not slow:
        return Verdict(Preference.UNKNOWN)
    worst = max(slow, key=lambda one: one.p95_ms / one.limit_ms)
    better = next((one for one in slow if _would_be_fast(one)), None)
    shown = better or worst
    why = (
        f"scoring takes {text.figure(shown.own_ms)} ms of the {text.figure(shown.p95_ms)} ms, and "
        f"{text.figure(shown.before_ms)} ms by {name}."
    )
    return Verdict(Preference.ALIKE if better is None else Preference.BETTER, why)


def _would_be_fast(one: Slowness) -> bool:
    """Return True where the model is what takes long: by itself, or by letting others wait."""
    if one.p95_ms - (one.own_ms - one.before_ms) <= one.limit_ms:
        return True
    busy, busy_before = (ms / 1000 * one.per_second for ms in (one.own_ms, one.before_ms))
    by_itself = one.own_ms >= one.limit_ms / _TWICE
    return one.before_ms <= one.own_ms / _TWICE and (by_itself or busy >= _BUSY > busy_before)


def _judge_spread(evidence: ReleaseEvidence, name: str) -> Verdict:
    if evidence.n_distinct < MIN_DISTINCT:
        return Verdict(Preference.UNKNOWN)
    why = (
        f"{text.percent(evidence.fullest_before)} of the scores of {name} for the same requests "
        "are alike too."
    )
    collapsed = evidence.fullest_before >= COLLAPSED_SHARE
    return Verdict(Preference.ALIKE if collapsed else Preference.BETTER, why)


def _judge_gain(evidence: ReleaseEvidence, name: str) -> Verdict:
    n = evidence.n_pairs
    if n < MIN_REQUESTS:
        return Verdict(Preference.UNKNOWN)
    better = evidence.gain > _DEVIATIONS * evidence.deviation / math.sqrt(n)
    why = (
        f"on {n:,} labelled requests that both scored, the error of {name} is "
        f"{text.figure(abs(evidence.gain))} points {'smaller' if evidence.gain > 0 else 'larger'}."
    )
    return Verdict(Preference.BETTER if better else Preference.ALIKE, why)
