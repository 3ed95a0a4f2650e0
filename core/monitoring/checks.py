"""The checks of health: each makes of measured facts one or more reasons with a next step."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.domain.health import Health, Reason
from core.domain.version import version_name
from core.monitoring.drift import describe_check, is_strange, list_mattering
from core.monitoring.facts import Facts, Recent, Thresholds, Worker
from core.monitoring.level import (
    describe_limits,
    format_duration,
    format_share,
    format_shares,
    judge_level,
)
from core.monitoring.promise import check_promise
from core.stats.histogram import quantile_interval
from core.stats.intervals import Interval, wilson

MIN_REQUESTS = 20
"""Requests below which error rate, fallback share and latency are not judged."""

MIN_DISTINCT = 50
"""Different requests below which nobody says that the scores have collapsed."""

COLLAPSED_SHARE = 0.95
"""The share of scores in one 50th of the scale from which on they have collapsed to one value."""

MIN_EXPECTED = 10.0
"""Requests that should have come before their absence is no chance: P(none) = e^-10."""

MAX_DRIFT_AGE = timedelta(hours=6)
"""How old a measurement of drift may be and still say something of now."""

_MANY_UNMEASURED = 1_000

_NEXT_STEPS = {
    "accuracy": "Compare the versions on the monitoring page; roll back, or train on newer rows.",
    "error_rate": "Read the API's log for the reason of the failures.",
    "fallback": "Look at the reasons of the newest predictions; deploy a version that loads.",
    "latency": "Look at the machine's load and at what was deployed last; roll back if it began "
    "there.",
    "drift": "Ask the callers what has changed in these columns; train again once rows like these "
    "have labels.",
    "collapsed": "Roll back, and look at what the callers send: a constant or missing feature?",
}


def check_base(facts: Facts) -> Reason | None:
    """What keeps everything else from being judged: no deployment, no prediction yet."""
    if facts.champion is None:
        return Reason(
            "deployment", Health.UNKNOWN, "Nothing is deployed.", "Train a version and deploy it."
        )
    if facts.last_prediction_at is None:
        return Reason(
            "no_traffic",
            Health.UNKNOWN,
            f"{version_name(facts.champion)} is deployed, but no prediction was ever asked for.",
            "Send requests to POST /v1/predict.",
        )
    return None


def check_traffic(facts: Facts, thresholds: Thresholds, now: datetime) -> Reason:
    """Whether requests still come, or for how long none has."""
    assert facts.last_prediction_at is not None
    silence = max(timedelta(0), now - facts.last_prediction_at)
    last = f"The last prediction was asked for {format_duration(silence)} ago"
    if silence <= thresholds.stale_after:
        return Reason("no_traffic", Health.HEALTHY, f"{last}.", "")
    confirmed = facts.expected_requests >= MIN_EXPECTED
    usual = (
        f"about {facts.expected_requests:,.0f} requests would be usual in that time"
        if confirmed
        else "a pause of that length is not unusual here"
    )
    return Reason(
        "no_traffic",
        Health.STALE,
        f"{last} ({facts.last_prediction_at:%Y-%m-%d %H:%M} UTC); {usual}.",
        "Check that the prediction API runs and that its callers reach it.",
        confirmed,
    )


def check_errors(facts: Facts, thresholds: Thresholds) -> list[Reason]:
    """Against the version's own promise where it made one; the thresholds of the accuracy stand
    beside it, and say nothing of a version that was below them when it was released."""
    level = _check_accuracy(facts, thresholds)
    delivered = facts.delivered
    if delivered is None:
        return [level]
    kept = check_promise(
        delivered, thresholds.error_growth_warning, thresholds.error_growth_critical
    )
    if delivered.successor is not None:
        return [level, kept]  # of the version that serves nothing is known yet
    if level.health is Health.UNKNOWN:
        return [kept]
    released = delivered.promised.accuracy
    if level.health is not Health.HEALTHY and released.low < thresholds.accuracy_warning:
        message = (
            f"{level.message.partition(';')[0]}; at its release it was "
            f"{format_share(released.value)} on the held-out rows, so that the threshold of "
            f"{format_share(thresholds.accuracy_warning)} says nothing of a change."
        )
        level = Reason("accuracy", Health.HEALTHY, message, "")
    return [kept, replace(level, code="accuracy_level")]


def add_culprit(check: Reason, facts: Facts) -> Reason:
    """A check of the error that is not well names who carries it, and what has drifted."""
    if check.health not in (Health.WARNING, Health.CRITICAL):
        return check
    said = []
    if facts.culprit is not None:
        said.append(f"{facts.culprit}.")  # as it is: it begins with a column's name
    if facts.drift is not None and facts.drift.drifted:
        said.append(f"Drifted: {', '.join(facts.drift.drifted[:3])}.")
    return replace(check, message=" ".join([check.message, *said]))


def check_skill(facts: Facts) -> list[Reason]:
    """A model that is surely worse than one number for everything is worth a warning, whatever its
    accuracy; nothing is said otherwise."""
    labelled = facts.labelled
    if labelled is None or labelled.figures.skill is None or labelled.figures.naive is None:
        return []
    skill = labelled.figures.skill
    if skill.high >= 0:
        return []
    assert facts.champion is not None
    message = (
        f"{version_name(facts.champion)} is worse than always answering "
        f"{labelled.figures.naive.guess:g}: its skill is {skill.value:.2f} (95 % interval "
        f"{skill.low:.2f} to {skill.high:.2f}; {labelled.figures.n_labelled:,} labels over "
        f"{format_duration(labelled.window)})."
    )
    return [Reason("skill", Health.WARNING, message, _next_step("accuracy", Health.WARNING))]


def check_requests(facts: Facts, thresholds: Thresholds, *, stale: bool) -> list[Reason]:
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
    over = f"{n:,} requests over {format_duration(recent.window)}"
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


def check_spread(facts: Facts, *, stale: bool) -> list[Reason]:
    """Whether the scores have collapsed to one value; nothing of too few requests."""
    spread = facts.spread
    if spread is None or spread.n_distinct < MIN_DISTINCT:
        return []
    collapsed = spread.share >= COLLAPSED_SHARE
    health = Health.CRITICAL if collapsed else Health.HEALTHY
    message = (
        f"{format_share(spread.share)} of the newest {spread.n_distinct:,} different requests got "
        f"a score around {spread.score:.3g}; from {format_share(COLLAPSED_SHARE)} on the model no "
        "longer tells them apart."
    )
    check = Reason("collapsed", health, message, _next_step("collapsed", health))
    return [_age(check) if stale else check]


def check_drift(facts: Facts, errors: Sequence[Reason], now: datetime) -> list[Reason]:
    """A warning where drift may cost accuracy. An estimate calls nobody where the labels of the
    same days, or an error that is worse, know better. Values that were never seen before count in
    any case: with an error that is worse they are one incident."""
    report = facts.drift
    if report is None or report.note or now - report.at > MAX_DRIFT_AGE:
        return []
    if not report.drifted:
        message = (
            f"None of {report.n_columns} columns has drifted beyond chance ({report.n_rows:,} "
            f"requests over {format_duration(report.window)}; noise from {report.basis})."
        )
        return [Reason("drift", Health.HEALTHY, message, "")]
    costly = list_mattering(report)
    named = "; ".join(describe_check(check) for check in (costly or report.confirmed)[:3])
    over = f"{report.n_rows:,} requests over {format_duration(report.window)}"
    if not costly:
        message = f"Drift that is not expected to cost accuracy: {named} ({over})."
        return [Reason("drift", Health.HEALTHY, message, "")]
    labelled = facts.labelled
    decided = (
        labelled is not None
        and labelled.figures.accuracy is not None
        and labelled.window <= report.window
    )
    worse = any(
        check.confirmed and check.health in (Health.WARNING, Health.CRITICAL) for check in errors
    )
    strange = any(is_strange(check) for check in costly)
    message = f"Inputs have drifted in a way that may cost accuracy: {named} ({over})."
    if decided:
        message += " The labels of these days say what it costs: see the accuracy."
    calls = strange or not (worse or decided)
    return [Reason("drift", Health.WARNING, message, _NEXT_STEPS["drift"], calls)]


def check_worker(worker: Worker | None) -> Reason | None:
    """Whether anybody measures; None where it is well or nobody asked."""
    if worker is None:
        return None
    waiting = f"{worker.n_unmeasured:,} predictions are not counted yet"
    step = "Start the worker: `python -m core worker`, or `make run`."
    if worker.expired_at is not None and not worker.alive:
        message = f"The worker has not run since {worker.expired_at:%Y-%m-%d %H:%M} UTC"
    elif not worker.alive:
        message = "The worker does not run"
    elif worker.n_unmeasured >= _MANY_UNMEASURED:
        return Reason("measuring", Health.UNKNOWN, f"{waiting}.", "Wait until they are.")
    else:
        return None
    effects = f"{waiting}; " if worker.n_unmeasured else ""
    return Reason(
        "worker",
        Health.WARNING,
        f"{message}: {effects}nothing is measured, no alert checked.",
        step,
    )


def _check_accuracy(facts: Facts, thresholds: Thresholds) -> Reason:
    assert facts.champion is not None
    labelled = facts.labelled
    name = version_name(facts.champion)
    accuracy = None if labelled is None else labelled.figures.accuracy
    if labelled is None or accuracy is None:
        n = 0 if labelled is None else labelled.figures.n_labelled
        over = "" if labelled is None else f" over {format_duration(labelled.window)}"
        return Reason(
            "accuracy",
            Health.UNKNOWN,
            f"The accuracy of {name} is unknown: {n} of its predictions have a label{over}, "
            f"{thresholds.min_labels} are needed.",
            "Send what turned out to be true to POST /v1/feedback.",
        )
    held = not facts.bad_before.isdisjoint({"accuracy", "accuracy_level"})
    health, confirmed = judge_level(
        accuracy,
        thresholds.accuracy_warning,
        thresholds.accuracy_critical,
        low_is_bad=True,
        held=held,
    )
    message = (
        f"{format_share(accuracy.value)} of the scores of {name} were within "
        f"±{facts.tolerance:g} (95 % interval {format_shares(accuracy)}; "
        f"{labelled.figures.n_labelled:,} labels over {format_duration(labelled.window)}); "
        + describe_limits(
            health,
            format_share(thresholds.accuracy_warning),
            format_share(thresholds.accuracy_critical),
            "below",
            confirmed=confirmed,
            beyond_it=accuracy.value < thresholds.accuracy_warning,
        )
    )
    return Reason("accuracy", health, message, _next_step("accuracy", health), confirmed)


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
        f"{format_share(share.value)} {what} (95 % interval {format_shares(share)}; {over}); "
        + describe_limits(
            health,
            format_share(warning),
            format_share(critical),
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
        f"The p95 latency is {p95.value:,.3g} ms (95 % interval "
        f"{p95.low:,.3g} to {p95.high:,.3g} ms; {over}); "
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
