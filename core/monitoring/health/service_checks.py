"""The checks of how requests are answered: errors, fallback, latency and collapsed scores; pure."""

from core import text
from core.domain.monitoring import Health, Reason
from core.monitoring.health.inputs import HealthInputs, Recent, describe_limits, judge_level
from core.settings import Thresholds
from core.stats.histogram import quantile_interval
from core.stats.intervals import Interval, wilson

MIN_REQUESTS = 20
"""Requests below which error rate, fallback share and latency are not judged."""

MIN_DISTINCT = 50
"""Different requests below which nobody says that the scores have collapsed."""

COLLAPSED_SHARE = 0.95
"""The share of scores in one 50th of the scale from which on they have collapsed to one value."""

_NEXT_STEPS = {
    "error_rate": "Read the reasons below the figures of the monitoring page, and the API's log.",
    "fallback": "Read the reasons below the figures of the monitoring page; deploy a version that "
    "loads.",
    "latency": "Look at the machine's load and at what was deployed last; roll back if it began "
    "there.",
    "collapsed": "Roll back, and look at what the callers send: a constant or missing feature?",
}


def check_requests(facts: HealthInputs, thresholds: Thresholds, *, stale: bool) -> list[Reason]:
    """Errors, fallback and latency; with `stale`, as they were before the pause."""
    recent, before = facts.recent, facts.bad_before
    n = 0 if recent is None else recent.counts.n_attempted
    if recent is None or n < MIN_REQUESTS:
        return [
            Reason(
                "requests",
                Health.UNKNOWN,
                f"Errors, fallback and latency are unknown: {n} requests in 24 hours, "
                f"{MIN_REQUESTS} are needed.",
                "Send requests to POST /v1/predict.",
            )
        ]
    over = f"{n:,} requests over {text.duration(recent.window)}"
    checks = [
        _check_share(
            "error_rate",
            "of the requests got no answer",
            wilson(recent.counts.n_failed, n),
            (thresholds.error_rate_warning, thresholds.error_rate_critical),
            over,
            held="error_rate" in before,
        ),
        _check_share(
            "fallback",
            "of the requests were answered by the heuristic instead of the model",
            wilson(recent.counts.n_heuristic, n),
            (thresholds.fallback_warning, thresholds.fallback_critical),
            over,
            held="fallback" in before,
        ),
        _check_latency(recent, thresholds, over, held="latency" in before),
    ]
    return [_age(check) for check in checks] if stale else checks


def check_spread(facts: HealthInputs, *, stale: bool) -> list[Reason]:
    """Check that the scores have not collapsed to one value; None for too few requests."""
    spread = facts.spread
    if spread is None or spread.n_distinct < MIN_DISTINCT:
        return []
    collapsed = spread.share >= COLLAPSED_SHARE
    health = Health.CRITICAL if collapsed else Health.HEALTHY
    message = (
        f"{text.percent(spread.share)} of the newest {spread.n_distinct:,} different requests got "
        f"a score around {text.figure(spread.score)}; from {text.chosen_percent(COLLAPSED_SHARE)} "
        "on "
        "the model no longer tells them apart."
    )
    check = Reason("collapsed", health, message, _next_step("collapsed", health))
    return [_age(check) if stale else check]


def _check_share(
    code: str,
    what: str,
    share: Interval,
    thresholds: tuple[float, float],
    over: str,
    *,
    held: bool,
) -> Reason:
    warning, critical = thresholds
    health, confirmed = judge_level(share, warning, critical, held=held)
    message = (
        f"{text.percent(share.value)} {what} ({text.interval_by('requests', share, 1, 100, ' %')}; "
        f"{over}); "
        + describe_limits(
            health,
            text.chosen_percent(warning),
            text.chosen_percent(critical),
            "above",
            confirmed=confirmed,
            beyond_it=share.value > warning,
        )
    )
    return Reason(code, health, message, _next_step(code, health), confirmed)


def _check_latency(recent: Recent, thresholds: Thresholds, over: str, *, held: bool) -> Reason:
    limits = quantile_interval(recent.latency, 0.95)
    assert recent.counts.p95_ms is not None
    assert limits is not None
    p95 = Interval(recent.counts.p95_ms, *limits)
    warning, critical = thresholds.latency_warning_ms, thresholds.latency_critical_ms
    health, confirmed = judge_level(p95, warning, critical, held=held)
    message = (
        f"The p95 latency is {text.figure(p95.value)} ms "
        f"({text.interval_by('requests', p95, unit=' ms')}; {over}); "
        + describe_limits(
            health,
            f"{warning:g} ms",
            f"{critical:g} ms",
            "above",
            confirmed=confirmed,
            beyond_it=p95.value > warning,
        )
    )
    return Reason("latency", health, message, _next_step("latency", health), confirmed)


def _age(check: Reason) -> Reason:
    """A check of requests that came before the pause."""
    return Reason(
        check.code,
        Health.STALE,
        f"Before the pause: {check.message[0].lower()}{check.message[1:]}",
        check.next_step,
        confirmed=False,
    )


def _next_step(code: str, health: Health) -> str:
    return "" if health is Health.HEALTHY else _NEXT_STEPS[code]
