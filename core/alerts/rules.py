"""The alert rules: which checks of a health report open, change and end incidents."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.health import Health, HealthReport, Reason
from core.domain.incident import EventKind, Incident

CAUSES = (
    "accuracy",
    "collapsed",
    "disk",
    "drift",
    "error_rate",
    "fallback",
    "labels",
    "latency",
    "no_traffic",
)
"""The checks that open incidents; a cause has at most one that is not resolved."""

RULE = "plumbline"
"""Who did what no person did."""

RESOLVE_AFTER = timedelta(minutes=10)
"""How long a cause has to stay clear before its incident is resolved."""

REOPEN_AFTER = timedelta(hours=1)
"""How long a cause that a person resolved is left alone, unless it is worse than it was."""

_RANK = {Health.HEALTHY: 0, Health.WARNING: 1, Health.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """How a cause stands: healthy (clear), warning or critical. What cannot be said for sure is no
    finding: no data is no proof of recovery, and a few bad rows are no incident."""

    cause: str
    severity: Health
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """An event to append; to a new incident where there is no id."""

    incident_id: int | None
    cause: str
    kind: EventKind
    severity: Health
    message: str


def read_findings(report: HealthReport) -> list[Finding]:
    """What a report says for sure about each cause.

    >>> slow = Reason("latency", Health.CRITICAL, "95 % took up to 900 ms.", "Roll back.")
    >>> report = HealthReport(Health.CRITICAL, (slow,), datetime(2026, 3, 2))
    >>> [(finding.cause, finding.severity.value) for finding in read_findings(report)]
    [('latency', 'critical')]
    """
    return [
        Finding(reason.code, severity, reason.message)
        for reason in report.reasons
        if reason.code in CAUSES and (severity := _read_severity(reason)) is not None
    ]


def decide_steps(
    findings: Iterable[Finding],
    unresolved: Iterable[Incident],
    resolved: Iterable[Incident],
    now: datetime,
) -> list[Step]:
    """What has to be appended so that the incidents say what was found. `resolved` are those that
    ended in the last `REOPEN_AFTER`."""
    open_by_cause = {incident.cause: incident for incident in unresolved}
    left_alone = {
        incident.cause: incident.worst
        for incident in resolved
        if (end := incident.resolution) and end.by != RULE and now - end.at < REOPEN_AFTER
    }
    steps = []
    for finding in findings:
        incident = open_by_cause.get(finding.cause)
        kind = (
            _decide_new(finding, left_alone.get(finding.cause))
            if incident is None
            else _decide_change(finding, incident, now)
        )
        if kind is not None:
            incident_id = None if incident is None else incident.id
            steps.append(Step(incident_id, finding.cause, kind, finding.severity, finding.message))
    return steps


def _read_severity(reason: Reason) -> Health | None:
    if reason.health is Health.HEALTHY:
        return reason.health if reason.confirmed else None
    if reason.health is Health.CRITICAL:
        return reason.health
    if not reason.confirmed or reason.health is Health.UNKNOWN:
        return None
    if reason.health is Health.STALE and reason.code != "no_traffic":
        return None
    return Health.WARNING


def _decide_new(finding: Finding, left_alone: Health | None) -> EventKind | None:
    rank = _RANK[finding.severity]
    if rank == 0 or (left_alone is not None and rank <= _RANK[left_alone]):
        return None
    return EventKind.OPENED


def _decide_change(finding: Finding, incident: Incident, now: datetime) -> EventKind | None:
    new, old = _RANK[finding.severity], _RANK[incident.severity]
    if new > old:
        return EventKind.WORSENED if new > _RANK[incident.worst] else EventKind.RETURNED
    if new < old:
        return EventKind.EASED
    if new == 0 and now - _clear_since(incident) >= RESOLVE_AFTER:
        return EventKind.RESOLVED
    return None


def _clear_since(incident: Incident) -> datetime:
    return next(event.at for event in reversed(incident.events) if event.kind is EventKind.EASED)
