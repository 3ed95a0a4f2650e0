"""Health: the rules by which measured facts become a status with reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.domain.drift import DriftReport
from core.domain.health import Health, HealthReport, Reason
from core.domain.version import version_name
from core.monitoring.drift import describe_check, is_strange, list_mattering
from core.monitoring.machine import Disk, LabelSilence, check_disk, check_labels
from core.monitoring.outcomes import Figures
from core.monitoring.promise import Delivered, check_promise
from core.monitoring.spread import Spread
from core.monitoring.traffic import Counts
from core.settings import Settings
from core.stats.histogram import quantile_interval
from core.stats.intervals import Interval, wilson

MIN_REQUESTS = 20
"""Requests below which error rate, fallback share and latency are not judged."""

RECOVERED = 0.9
"""How far below its threshold a figure that was beyond it has to be to be well again."""

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

_UNITS = (
    ("day", 86_400, 2 * 86_400),
    ("hour", 3_600, 3_600),
    ("minute", 60, 60),
    ("second", 1, 0),
)

_RANK = {
    Health.CRITICAL: 0,
    Health.WARNING: 1,
    Health.STALE: 2,
    Health.UNKNOWN: 3,
    Health.HEALTHY: 4,
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a figure warns and where it is critical; shares are 0..1."""

    accuracy_warning: float = 0.80
    accuracy_critical: float = 0.75
    error_growth_warning: float = 1.2
    error_growth_critical: float = 1.5
    accuracy_span: timedelta = timedelta(days=7)
    latency_warning_ms: float = 100.0
    latency_critical_ms: float = 200.0
    error_rate_warning: float = 0.01
    error_rate_critical: float = 0.05
    fallback_warning: float = 0.05
    fallback_critical: float = 0.50
    stale_after: timedelta = timedelta(hours=1)
    min_labels: int = 30


@dataclass(frozen=True, slots=True)
class Recent:
    """The requests of the shortest window that holds enough of them."""

    counts: Counts
    latency: dict[int, int]
    window: timedelta


@dataclass(frozen=True, slots=True)
class Labelled:
    """The champion's outcomes in the shortest window that holds enough labels."""

    figures: Figures
    window: timedelta


@dataclass(frozen=True, slots=True)
class Worker:
    """Whether measuring and the alerts run."""

    alive: bool
    expired_at: datetime | None  # of a worker that stopped; None where none ever ran
    n_unmeasured: int  # predictions that no figure counts yet
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that health is judged by."""

    champion: int | None  # None before the first deployment
    last_prediction_at: datetime | None
    expected_requests: float  # since then, going by the same hours of the last days
    recent: Recent | None
    labelled: Labelled | None
    tolerance: float
    spread: Spread | None = None
    worker: Worker | None = None  # None where nobody asked
    delivered: Delivered | None = None  # None without a promise or labels enough
    drift: DriftReport | None = None  # the newest window of the champion
    label_silence: LabelSilence | None = None  # None where none ever came
    disk: Disk | None = None  # None where nobody asked
    bad_before: frozenset[str] = frozenset()  # codes of the checks that were not well
    culprit: str | None = None  # the part of the traffic that carries the error


def build_thresholds(settings: Settings) -> Thresholds:
    """The thresholds of the settings."""
    return Thresholds(
        accuracy_warning=settings.accuracy_warning,
        accuracy_critical=settings.accuracy_critical,
        error_growth_warning=settings.error_growth_warning,
        error_growth_critical=settings.error_growth_critical,
        accuracy_span=timedelta(days=settings.accuracy_days),
        latency_warning_ms=settings.latency_warning_ms,
        latency_critical_ms=settings.latency_critical_ms,
        error_rate_warning=settings.error_rate_warning,
        error_rate_critical=settings.error_rate_critical,
        fallback_warning=settings.fallback_warning,
        fallback_critical=settings.fallback_critical,
        stale_after=timedelta(minutes=settings.stale_after_minutes),
        min_labels=settings.min_labels,
    )


def judge_health(facts: Facts, thresholds: Thresholds, now: datetime) -> HealthReport:
    """The status and every check that was made.

    Without a deployment or any prediction the status is unknown; when the last prediction is older
    than `stale_after` it is stale, and what was measured before is no statement about now.
    Otherwise it is the worst of the checks: critical, warning, unknown (accuracy or the requests
    cannot be judged yet), healthy. See `judge_level` for the thresholds."""
    no_base = _check_base(facts)
    if no_base is not None:
        worker = _check_worker(facts.worker)
        machine = [*([worker] if worker else []), *check_disk(facts.disk)]
        return HealthReport(Health.UNKNOWN, (no_base, *machine), now)
    traffic = _check_traffic(facts, thresholds, now)
    stale = traffic.health is Health.STALE
    errors = [_add_culprit(check, facts) for check in _check_errors(facts, thresholds)]
    checks = [
        *errors,
        *_check_skill(facts),
        *_check_requests(facts, thresholds, stale=stale),
        *_check_spread(facts, stale=stale),
        *_check_drift(facts, errors, now),
        *check_labels(facts.label_silence, now),
        *check_disk(facts.disk),
    ]
    worker = _check_worker(facts.worker)
    if worker is not None:
        checks.append(worker)
    checks.sort(key=lambda reason: (_RANK[reason.health], not reason.confirmed))
    if stale:
        return HealthReport(Health.STALE, (traffic, *checks), now)
    return HealthReport(checks[0].health, (*checks, traffic), now)


def judge_level(
    figure: Interval,
    warning: float,
    critical: float,
    *,
    low_is_bad: bool = False,
    held: bool = False,
) -> tuple[Health, bool]:
    """How a figure stands to its thresholds, and whether chance is no explanation.

    A figure beyond the warning threshold warns. Where its whole 95 % interval is beyond it too, the
    warning is confirmed, and a confirmed figure beyond the critical threshold is critical. So
    a few rows can make the status warn, but never critical, and open no incident. With `held`, of a
    check that was not well before, it is well again a tenth of the way below the threshold only, so
    that a figure at its threshold does not make the status flicker. With `low_is_bad`, of shares.

    >>> judge_level(Interval(0.70, 0.60, 0.78), 0.80, 0.75, low_is_bad=True)
    (<Health.CRITICAL: 'critical'>, True)
    >>> judge_level(Interval(0.70, 0.50, 0.85), 0.80, 0.75, low_is_bad=True)
    (<Health.WARNING: 'warning'>, False)
    >>> judge_level(Interval(0.00, 0.00, 0.03), 0.01, 0.05)
    (<Health.HEALTHY: 'healthy'>, True)
    >>> judge_level(Interval(97.0, 95.0, 99.0), 100.0, 200.0, held=True)
    (<Health.WARNING: 'warning'>, False)
    """
    if low_is_bad:
        figure = Interval(1 - figure.value, 1 - figure.high, 1 - figure.low)
        warning, critical = 1 - warning, 1 - critical
    if figure.value <= warning * (RECOVERED if held else 1.0):
        return Health.HEALTHY, True
    confirmed = figure.low > warning
    return (
        Health.CRITICAL if confirmed and figure.value > critical else Health.WARNING,
        confirmed,
    )


def has_changed(old: HealthReport | None, new: HealthReport) -> bool:
    """Whether a report says something else than the one before; figures alone do not count."""
    return old is None or _essence(old) != _essence(new)


def format_duration(duration: timedelta) -> str:
    """A length of time in words, rounded down.

    >>> format_duration(timedelta(minutes=15)), format_duration(timedelta(hours=24))
    ('15 minutes', '24 hours')
    >>> format_duration(timedelta(hours=1)), format_duration(timedelta(days=7, seconds=3))
    ('1 hour', '7 days')
    """
    seconds = max(0, int(duration.total_seconds()))
    unit, length = next((unit, length) for unit, length, smallest in _UNITS if seconds >= smallest)
    n = seconds // length
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def _essence(report: HealthReport) -> tuple[Health, frozenset[tuple[str, Health, bool]]]:
    checks = ((reason.code, reason.health, reason.confirmed) for reason in report.reasons)
    return report.health, frozenset(checks)


def _check_base(facts: Facts) -> Reason | None:
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


def _check_traffic(facts: Facts, thresholds: Thresholds, now: datetime) -> Reason:
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


def _check_errors(facts: Facts, thresholds: Thresholds) -> list[Reason]:
    """Against the version's own promise where it made one; the thresholds of the accuracy stand
    beside it, and say nothing of a version that was below them when it was released."""
    level = _check_accuracy(facts, thresholds)
    delivered = facts.delivered
    if delivered is None:
        return [level]
    kept = check_promise(
        delivered, thresholds.error_growth_warning, thresholds.error_growth_critical
    )
    if level.health is Health.UNKNOWN:
        return [kept]
    released = delivered.promised.accuracy
    if level.health is not Health.HEALTHY and released.low < thresholds.accuracy_warning:
        message = (
            f"{level.message.partition(';')[0]}; at its release it was "
            f"{_percent(released.value)} on the held-out rows, so that the threshold of "
            f"{_percent(thresholds.accuracy_warning)} says nothing of a change."
        )
        level = Reason("accuracy", Health.HEALTHY, message, "")
    return [kept, replace(level, code="accuracy_level")]


def _add_culprit(check: Reason, facts: Facts) -> Reason:
    """A check of the error that is not well names who carries it, and what has drifted."""
    if check.health not in (Health.WARNING, Health.CRITICAL):
        return check
    said = []
    if facts.culprit is not None:
        said.append(f"{facts.culprit[0].upper()}{facts.culprit[1:]}.")
    if facts.drift is not None and facts.drift.drifted:
        said.append(f"Drifted: {', '.join(facts.drift.drifted[:3])}.")
    return replace(check, message=" ".join([check.message, *said]))


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
        f"{_percent(accuracy.value)} of the scores of {name} were within "
        f"±{facts.tolerance:g} (95 % interval {_percents(accuracy)}; "
        f"{labelled.figures.n_labelled:,} labels over {format_duration(labelled.window)}); "
        + _limits(
            health,
            _percent(thresholds.accuracy_warning),
            _percent(thresholds.accuracy_critical),
            "below",
            confirmed=confirmed,
            beyond_it=accuracy.value < thresholds.accuracy_warning,
        )
    )
    return Reason("accuracy", health, message, _next_step("accuracy", health), confirmed)


def _check_skill(facts: Facts) -> list[Reason]:
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


def _check_requests(facts: Facts, thresholds: Thresholds, *, stale: bool) -> list[Reason]:
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
        f"{_percent(share.value)} {what} (95 % interval {_percents(share)}; {over}); "
        + _limits(
            health,
            _percent(warning),
            _percent(critical),
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
        + _limits(
            health,
            f"{warning:g} ms",
            f"{critical:g} ms",
            "above",
            confirmed=confirmed,
            beyond_it=p95.value > warning,
        )
    )
    return Reason("latency", health, message, _next_step("latency", health), confirmed)


def _check_spread(facts: Facts, *, stale: bool) -> list[Reason]:
    spread = facts.spread
    if spread is None or spread.n_distinct < MIN_DISTINCT:
        return []
    collapsed = spread.share >= COLLAPSED_SHARE
    health = Health.CRITICAL if collapsed else Health.HEALTHY
    message = (
        f"{_percent(spread.share)} of the newest {spread.n_distinct:,} different requests got a "
        f"score around {spread.score:.3g}; from {_percent(COLLAPSED_SHARE)} on the model no longer "
        "tells them apart."
    )
    check = Reason("collapsed", health, message, _next_step("collapsed", health))
    return [_age(check) if stale else check]


def _check_drift(facts: Facts, errors: Sequence[Reason], now: datetime) -> list[Reason]:
    """A warning where drift may cost accuracy. Nobody is called for it where the error is known to
    be worse already, which is then the incident, nor for an estimate while the labels of the same
    days are well: they know better. Values that were never seen before call in any case."""
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
    worse = any(check.health in (Health.WARNING, Health.CRITICAL) for check in errors)
    strange = any(is_strange(check) for check in costly)
    message = f"Inputs have drifted in a way that may cost accuracy: {named} ({over})."
    if decided:
        message += " The labels of these days say what it costs: see the accuracy."
    calls = not worse and (strange or not decided)
    return [Reason("drift", Health.WARNING, message, _NEXT_STEPS["drift"], calls)]


def _check_worker(worker: Worker | None) -> Reason | None:
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


def _age(check: Reason) -> Reason:
    """A check of requests that came before the pause."""
    return Reason(
        check.code,
        Health.STALE,
        f"Before the pause: {check.message[0].lower()}{check.message[1:]}",
        check.next_step,
        confirmed=False,
    )


def _limits(
    health: Health, warning: str, critical: str, beyond: str, *, confirmed: bool, beyond_it: bool
) -> str:
    if health is Health.HEALTHY:
        return f"{beyond} {warning} warns."
    if not beyond_it:
        return f"{beyond} {warning} warns, and it has to be clearly on the other side to be well."
    if health is Health.CRITICAL:
        return f"{beyond} {critical} is critical."
    if confirmed:
        return f"{beyond} {warning} warns, {beyond} {critical} is critical."
    return f"{beyond} {warning} warns, but so few rows may say so by chance."


def _next_step(code: str, health: Health) -> str:
    return "" if health is Health.HEALTHY else _NEXT_STEPS[code]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _percents(share: Interval) -> str:
    return f"{100 * share.low:.3g} to {100 * share.high:.3g} %"
