"""The checks of health that need no more than facts: what serves, traffic, drift, the worker; pure.
Those of the error are in `accuracy_checks`, those of the answers in `service_checks`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core import text
from core.domain.monitoring import DriftVerdict, Health, Reason
from core.domain.version import version_name
from core.monitoring.drift.compare import (
    WHEN_CONFIRMED,
    describe_check,
    is_strange,
    list_mattering,
)
from core.monitoring.health.inputs import Disk, HealthInputs, LabelSilence, Worker
from core.settings import Thresholds
from plumbline.program import name_command

MIN_EXPECTED = 10.0
"""Requests or labels that should have come before their absence is no chance: P(none) = e^-10."""

MAX_DRIFT_AGE = timedelta(hours=6)
"""How old a measurement of drift may be and still say something of now."""

MAX_LAG = timedelta(minutes=2)
"""How long a request may wait to be counted, whatever their number: the worker counts them every
few seconds."""

_ASK_CALLERS = (
    "Ask the callers what has changed in these columns; train again once rows like these have "
    "labels."
)


def check_base(facts: HealthInputs) -> Reason | None:
    """Return the reason that keeps everything else from being judged (no deployment, no prediction
    yet); None without one."""
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


def check_traffic(facts: HealthInputs, thresholds: Thresholds, now: datetime) -> Reason:
    """Check that requests still come, and say for how long none has."""
    assert facts.last_prediction_at is not None
    silence = max(timedelta(0), now - facts.last_prediction_at)
    last = f"The last prediction was asked for {text.duration(silence)} ago"
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


def check_drift(facts: HealthInputs, errors: Sequence[Reason], now: datetime) -> list[Reason]:
    """A warning where drift may cost accuracy. An estimate calls nobody where the labels of the
    same days, or an error that is worse, know better. Values that were never seen before count in
    any case: with an error that is worse they are one incident."""
    report = facts.drift
    if report is None or report.note or now - report.at > MAX_DRIFT_AGE:
        return []
    over = f"{report.n_rows:,} requests over {text.duration(report.window)}"
    if report.verdict is DriftVerdict.SUSPECTED:
        named = "; ".join(describe_check(check) for check in report.suspected[:3])
        message = f"Drift is suspected and not confirmed yet: {named} ({over}; {WHEN_CONFIRMED})."
        return [Reason("drift", Health.HEALTHY, message, "")]
    if report.verdict is DriftVerdict.NONE:
        message = (
            f"None of {report.n_columns} columns has drifted beyond chance ({over}; noise from "
            f"{report.basis})."
        )
        return [Reason("drift", Health.HEALTHY, message, "")]
    costly = list_mattering(report)
    named = "; ".join(describe_check(check) for check in (costly or report.confirmed)[:3])
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
    return [Reason("drift", Health.WARNING, message, _ASK_CALLERS, calls)]


def check_worker(worker: Worker | None, now: datetime) -> Reason | None:
    """Check that somebody measures and keeps up; None if all is well or nobody asked."""
    if worker is None:
        return None
    since = worker.unmeasured_since
    waiting = f"{worker.n_unmeasured:,} predictions are not counted yet"
    step = f"Start the worker: `{name_command('worker')}`."
    if worker.expired_at is not None and not worker.alive:
        message = f"The worker has not run since {worker.expired_at:%Y-%m-%d %H:%M} UTC"
    elif not worker.alive:
        message = "The worker does not run"
    elif since is not None and now - since > MAX_LAG:
        return Reason(
            "measuring",
            Health.UNKNOWN,
            f"Requests since {since:%Y-%m-%d %H:%M} UTC are not counted yet, so that nothing is "
            "known of them.",
            "Wait until the worker has caught up; where it does not, read its last error on the "
            "system page.",
        )
    else:
        return None
    effects = f"{waiting}; " if worker.n_unmeasured else ""
    return Reason(
        "worker",
        Health.WARNING,
        f"{message}: {effects}nothing is measured, no alert checked.",
        step,
    )


MIN_SILENCE = timedelta(hours=6)
"""How long no label has to come before their absence is looked at."""

DISK_WARNING_BYTES, DISK_CRITICAL_BYTES = 1_000_000_000, 200_000_000


def check_labels(silence: LabelSilence | None, now: datetime) -> list[Reason]:
    """A warning where labels have stopped that used to come; nothing where none ever came.

    >>> noon = datetime(2026, 3, 2, 12)
    >>> reason, = check_labels(LabelSilence(noon - timedelta(hours=8), 40.0), noon)
    >>> reason.message
    'No label has come for 8 hours, since 2026-03-02 04:00 UTC; about 40 would be usual by now.'
    """
    if silence is None:
        return []
    length = now - silence.last_at
    if length < MIN_SILENCE or silence.expected < MIN_EXPECTED:
        message = f"The last label came {text.duration(length)} ago, which is not unusual."
        return [Reason("labels", Health.HEALTHY, message, "")]
    message = (
        f"No label has come for {text.duration(length)}, since {silence.last_at:%Y-%m-%d %H:%M} "
        "UTC; about "
        f"{silence.expected:,.0f} would be usual by now."
    )
    step = "Check whoever sends to POST /v1/feedback: without labels the accuracy grows old unseen."
    return [Reason("labels", Health.WARNING, message, step)]


def check_disk(disk: Disk | None) -> list[Reason]:
    """A warning below 1 GB, critical below 200 MB: with a full disk no prediction is answered.

    >>> [reason.health.value for reason in check_disk(Disk(150_000_000, 8_000_000_000))]
    ['critical']
    >>> check_disk(Disk(5_000_000_000, 8_000_000_000))
    []
    """
    if disk is None or disk.free_bytes >= DISK_WARNING_BYTES:
        return []
    critical = disk.free_bytes < DISK_CRITICAL_BYTES
    message = (
        f"The disk is nearly full: {text.size(disk.free_bytes)} of "
        f"{text.size(disk.total_bytes)} are free; when it is full, no prediction is answered."
    )
    step = "Free some space on the disk of PLUMBLINE_HOME, or move it to a larger one."
    return [Reason("disk", Health.CRITICAL if critical else Health.WARNING, message, step)]
