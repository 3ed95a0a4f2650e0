"""The checks of how requests are answered: errors, fallback, refusals, latency and collapsed
scores; pure."""

from collections.abc import Collection

from core import text
from core.domain.monitoring import Health, Reason, Unanswered
from core.domain.prediction import UNREADABLE, AnswerSource, Route
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

_CAUSES_OF_REFUSALS = {
    "unknown_key": "want of a valid key",
    "missing_scope": "a key without the scope",
    "untrusted": "an address or a page that may not call",
    "too_large": "a body that is too large",
    "content_type": "a body that does not say it is JSON",
    "invalid": "a body that is not what the API takes",
    UNREADABLE: "want of any feature that the version reads",
    "too_many": "calling more often than the limit",
    "incomplete": "ending before their body did",
    "no_route": "a route or a method that there is not",
    "not_found": "naming what there is not",
    "conflict": "what is not possible now",
}
_CAUSES_OF_FAILURES = {
    "store": "since the log could not be written",
    "bug": "since something is broken here: the API's log has it",
}

_MAX_CAUSES = 3
_NOUNS = {Route.SINGLE: "requests", Route.BATCH: "batches"}
_RANK = {Health.HEALTHY: 0, Health.UNKNOWN: 1, Health.WARNING: 2, Health.CRITICAL: 3}

_NEXT_STEPS = {
    "error_rate": "Read the reasons below the figures of the monitoring page, and the API's log.",
    "fallback": "Read the reasons below the figures of the monitoring page; deploy a version that "
    "loads.",
    "refused": "Tell whoever calls what the refusals say: the answers have it in a sentence.",
    "latency": "Look at the machine's load and at what was deployed last; roll back if it began "
    "there.",
    "collapsed": "Roll back, and look at what the callers send: a constant or missing feature?",
}


def check_requests(facts: HealthInputs, thresholds: Thresholds, *, stale: bool) -> list[Reason]:
    """Return the checks of errors, fallback, refusals and latency, each for the kind of request
    that is worst; with `stale`, as they were before the pause."""
    judged = [recent for recent in facts.recent if recent.counts.n_attempted >= MIN_REQUESTS]
    if not judged:
        n = sum(recent.counts.n_attempted for recent in facts.recent)
        return [
            Reason(
                "requests",
                Health.UNKNOWN,
                f"Errors, fallback and latency are unknown: {n} requests in 24 hours, "
                f"{MIN_REQUESTS} are needed.",
                "Send requests to POST /v1/predict.",
            )
        ]
    found: dict[str, Reason] = {}
    for recent in judged:
        for check in check_recent(recent, thresholds, facts.bad_before):
            best = found.get(check.code)
            if best is None or _RANK[check.health] > _RANK[best.health]:
                found[check.code] = check
    checks = list(found.values())
    return [_age(check) for check in checks] if stale else checks


def check_recent(
    recent: Recent, thresholds: Thresholds, before: Collection[str] = ()
) -> list[Reason]:
    """Return the checks of one kind of request. Requests that were refused for a mistake of their
    caller's count neither as failed nor as slow. `before` are the codes of checks that were not
    well."""
    counts, noun = recent.counts, _NOUNS[recent.route]
    n_asked = counts.n_taken + counts.n_unreadable
    checks = []
    if counts.n_taken >= MIN_REQUESTS:
        checks.append(
            _check_share(
                "error_rate",
                f"of the {noun} got no answer",
                wilson(counts.n_failed, counts.n_taken),
                (thresholds.error_rate_warning, thresholds.error_rate_critical),
                _say_over(counts.n_taken, recent),
                held="error_rate" in before,
            )
        )
    if n_asked >= MIN_REQUESTS:
        what = f"of the {noun} were answered by the heuristic instead of the model"
        if counts.n_unreadable:
            what = (
                f"of the {noun} were not answered by the model, {counts.n_unreadable:,} of them "
                "for want of any feature that it reads"
            )
        checks.append(
            _check_share(
                "fallback",
                what,
                wilson(counts.n_heuristic + counts.n_unreadable, n_asked),
                (thresholds.fallback_warning, thresholds.fallback_critical),
                _say_over(n_asked, recent),
                held="fallback" in before,
            )
        )
    if sum(recent.latency.values()) >= MIN_REQUESTS:
        checks.append(_check_latency(recent, thresholds, held="latency" in before))
    return [*checks, _check_refusals(recent, thresholds, held="refused" in before)]


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


def _check_latency(recent: Recent, thresholds: Thresholds, *, held: bool) -> Reason:
    limits = quantile_interval(recent.latency, 0.95)
    assert recent.counts.p95_ms is not None
    assert limits is not None
    p95 = Interval(recent.counts.p95_ms, *limits)
    warning, critical = find_latency_limits(recent.route, thresholds)
    health, confirmed = judge_level(p95, warning, critical, held=held)
    over = _say_over(sum(recent.latency.values()), recent)
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


def _check_refusals(recent: Recent, thresholds: Thresholds, *, held: bool) -> Reason:
    """Return a warning at most: no version cures the mistakes of callers."""
    counts, noun = recent.counts, _NOUNS[recent.route]
    share = wilson(counts.n_refused, counts.n_attempted)
    health, confirmed = judge_level(share, thresholds.refused_warning, 1.0, held=held)
    chance = "" if confirmed else ", but so few rows may say so by chance"
    message = (
        f"{text.percent(share.value)} of the {noun} were refused "
        f"({text.interval_by('requests', share, 1, 100, ' %')}; "
        f"{_say_over(counts.n_attempted, recent)}); above "
        f"{text.chosen_percent(thresholds.refused_warning)} warns{chance}."
    )
    said = [describe_unanswered(one) for one in recent.refusals[:_MAX_CAUSES]]
    if counts.n_unreadable:
        said.insert(0, _say_refused(counts.n_unreadable, "", UNREADABLE))
    causes = [f"{sentence}." for sentence in said]
    message = " ".join([message, *causes])
    return Reason("refused", health, message, _next_step("refused", health), confirmed)


def describe_unanswered(one: Unanswered) -> str:
    """Return how many calls were refused or failed, why, and whose.

    >>> from core.domain.monitoring import EPOCH as at
    >>> refused, failed = AnswerSource.REFUSED, AnswerSource.FAILED
    >>> describe_unanswered(Unanswered(at, "single", refused, "unknown_key", "10.0.0.7", 31))
    '31 calls of 10.0.0.7 were refused for want of a valid key'
    >>> describe_unanswered(Unanswered(at, "single", failed, "store", "", 1))
    '1 call failed, since the log could not be written'
    """
    if one.source is AnswerSource.REFUSED:
        return _say_refused(one.n, one.caller, one.cause)
    why = _CAUSES_OF_FAILURES.get(one.cause, f"for the cause '{one.cause}'")
    return f"{_say_calls(one.n, one.caller)} failed, {why}"


def _say_refused(n: int, caller: str, cause: str) -> str:
    why = _CAUSES_OF_REFUSALS.get(cause, f"the cause '{cause}'")
    return f"{_say_calls(n, caller)} {'was' if n == 1 else 'were'} refused for {why}"


def _say_calls(n: int, caller: str) -> str:
    return f"{n:,} call{'' if n == 1 else 's'}" + (f" of {caller}" if caller else "")


def find_latency_limits(route: Route, thresholds: Thresholds) -> tuple[float, float]:
    """Return the p95 latencies of a kind of request, in ms, above which it warns and is
    critical."""
    if route is Route.BATCH:
        return thresholds.batch_latency_warning_ms, thresholds.batch_latency_critical_ms
    return thresholds.latency_warning_ms, thresholds.latency_critical_ms


def _say_over(n: int, recent: Recent) -> str:
    return f"{n:,} {_NOUNS[recent.route]} over {text.duration(recent.window)}"


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
