"""The alert rules: the checks of a health report open, change and resolve incidents."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.clock import has_passed
from core.domain.incident import EXPLAINS, EventKind, Incident, IncidentStatus, belongs
from core.domain.installation import AUTOMATION
from core.domain.monitoring import Health, HealthReport, Reason

CAUSES = (
    "error_growth",
    "accuracy",
    "collapsed",
    "disk",
    "drift",
    "error_rate",
    "fallback",
    "labels",
    "latency",
    "no_traffic",
    "refused",
)
"""The checks that open incidents; each is in at most one unresolved incident."""


CONFIRM_AFTER = timedelta(seconds=10)
"""The time after which a second check has to agree before messages are sent."""

RESOLVE_AFTER = timedelta(minutes=10)
"""The time for which a cause has to stay clear before its incident is resolved."""

NEWS_AFTER = timedelta(days=1)
"""The time for which a check has to be better so that its return sends a message."""

REOPEN_AFTER = timedelta(hours=1)
"""The time for which a cause is left alone after a person resolved it, unless it gets worse."""

_ORDER = {cause: rank for rank, cause in enumerate(EXPLAINS)}
_RANK = {Health.HEALTHY: 0, Health.WARNING: 1, Health.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of a cause: healthy (clear), warning or critical. An unknown state is no finding:
    missing data proves no recovery, and a few bad rows are no incident."""

    cause: str
    severity: Health
    message: str


@dataclass(frozen=True, slots=True)
class IncidentStep:
    """An event to append; without an id it belongs to the new incident that the check `began` opens
    in this round."""

    incident_id: int | None
    began: str
    kind: EventKind
    check: str
    severity: Health
    message: str


def read_findings(report: HealthReport) -> list[Finding]:
    """Return the certain findings of a report, one for each cause.

    >>> slow = Reason("latency", Health.CRITICAL, "95 % took up to 900 ms.", "Roll back.")
    >>> report = HealthReport(Health.CRITICAL, (slow,), datetime(2026, 3, 2))
    >>> [(finding.cause, finding.severity.value) for finding in read_findings(report)]
    [('latency', 'critical')]
    """
    found = [
        Finding(reason.code, severity, reason.message)
        for reason in report.reasons
        if reason.code in CAUSES and (severity := _read_severity(reason)) is not None
    ]
    for cause, other in (("accuracy", "error_growth"), ("error_growth", "accuracy")):
        if report.find_reason(other) is None:  # one could be judged: well, it speaks for both
            found += [
                Finding(other, finding.severity, finding.message)
                for finding in found
                if finding.cause == cause and finding.severity is Health.HEALTHY
            ]
    return found


def decide_steps(
    findings: Sequence[Finding],
    unresolved: Sequence[Incident],
    resolved: Sequence[Incident],
    now: datetime,
) -> list[IncidentStep]:
    """Return the rows to append for some findings. `resolved` are the incidents that ended in the
    last `REOPEN_AFTER`.

    A check that is bad goes to the incident that it is in already, else to one whose checks explain
    it or are explained by it, else it begins one, which is pending until a later check agrees."""
    left_alone = {
        check: incident.worst
        for incident in resolved
        if (end := incident.resolution)
        and end.by != AUTOMATION
        and not has_passed(end.at, REOPEN_AFTER, now)
        for check in incident.checks
    }
    places = [_Place(incident.id, incident.events[0].check, incident) for incident in unresolved]
    for finding in sorted(findings, key=lambda one: _ORDER.get(one.cause, len(_ORDER))):
        bad = finding.severity is not Health.HEALTHY
        alone = left_alone.get(finding.cause)
        place = _find_place(places, finding.cause, bad=bad)
        if place is None and bad and (alone is None or _RANK[finding.severity] > _RANK[alone]):
            place = _Place(None, finding.cause, None)
            places.append(place)
        if place is not None:
            place.findings.append(finding)
    return [step for place in places for step in _decide_place(place, now)]


@dataclass(slots=True)
class _Place:
    """An incident, or a new one, with the findings on its checks in this round."""

    incident_id: int | None
    began: str
    incident: Incident | None
    findings: list[Finding] = field(default_factory=list)

    def step(self, kind: EventKind, finding: Finding) -> IncidentStep:
        return IncidentStep(
            self.incident_id, self.began, kind, finding.cause, finding.severity, finding.message
        )


def _find_place(places: Sequence[_Place], check: str, *, bad: bool) -> _Place | None:
    checks = [
        [*(place.incident.checks if place.incident else ()), *(f.cause for f in place.findings)]
        for place in places
    ]
    own = (place for place, known in zip(places, checks, strict=True) if check in known)
    near = (place for place, known in zip(places, checks, strict=True) if belongs(check, known))
    return next(own, next(near, None) if bad else None)


def _decide_place(place: _Place, now: datetime) -> list[IncidentStep]:
    if place.incident is None:
        first, *others = place.findings
        return [
            place.step(EventKind.PENDING, first),
            *(place.step(EventKind.JOINED, other) for other in others),
        ]
    known = place.incident.checks
    others = [finding for finding in place.findings if finding.cause not in known]
    joined = [place.step(_join(finding, place.incident), finding) for finding in others]
    again = [finding for finding in place.findings if finding.cause in known]
    if place.incident.status is IncidentStatus.PENDING:
        return joined + _decide_pending(place, place.incident, again, now)
    changed = [
        place.step(kind, finding)
        for finding in again
        if (kind := _decide_change(finding, place.incident, now)) is not None
    ]
    if not joined and not changed and place.findings and _is_over(place.incident, now):
        own = (one for one in place.findings if one.cause == place.incident.cause)
        return [place.step(EventKind.RESOLVED, next(own, place.findings[0]))]
    return joined + changed


def _decide_pending(
    place: _Place, incident: Incident, again: Sequence[Finding], now: datetime
) -> list[IncidentStep]:
    """Open a pending incident if a check still fails, by the worst of them as this look finds it,
    since critical ones wait for no quiet hours; the other checks that have changed since the first
    look say so too. Withdraw it if all of its first checks are healthy."""
    if not has_passed(incident.opened_at, CONFIRM_AFTER, now):
        return []
    bad = [finding for finding in again if finding.severity is not Health.HEALTHY]
    if bad:
        worst = max(place.findings, key=lambda finding: _RANK[finding.severity])
        others = (
            finding
            for finding in again
            if finding is not worst and finding.severity is not incident.checks[finding.cause]
        )
        return [
            place.step(EventKind.OPENED, worst),
            *(place.step(_revise(finding, incident), finding) for finding in others),
        ]
    if {finding.cause for finding in again} == set(incident.checks):
        return [place.step(EventKind.WITHDRAWN, again[0])]
    return []


def _revise(finding: Finding, incident: Incident) -> EventKind:
    """Return the event of a check whose second look differs from its first."""
    eased = _RANK[finding.severity] < _RANK[incident.checks[finding.cause]]
    return EventKind.EASED if eased else EventKind.JOINED


def _join(finding: Finding, incident: Incident) -> EventKind:
    """Return the event of another check of the same cause, which sends a message only if the
    incident gets worse."""
    worse = _RANK[finding.severity] > _RANK[incident.worst]
    return EventKind.WORSENED if worse and incident.was_opened else EventKind.JOINED


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


def _decide_change(finding: Finding, incident: Incident, now: datetime) -> EventKind | None:
    new, old = _RANK[finding.severity], _RANK[incident.checks[finding.cause]]
    if new > old:
        as_bad = new >= _RANK[incident.severity] and _was_quiet(finding.cause, incident, now)
        news = new > _RANK[incident.worst] or as_bad
        return EventKind.WORSENED if news else EventKind.RETURNED
    return EventKind.EASED if new < old else None


def _was_quiet(check: str, incident: Incident, now: datetime) -> bool:
    """Return whether a check had been better for so long that its return is news."""
    last = next(
        event for event in reversed(incident.events) if check == (event.check or incident.cause)
    )
    return has_passed(last.at, NEWS_AFTER, now)


def _is_over(incident: Incident, now: datetime) -> bool:
    """Return whether each of its checks has been clear for long enough."""
    if incident.severity is not Health.HEALTHY:
        return False
    eased = next(event.at for event in reversed(incident.events) if event.kind is EventKind.EASED)
    return has_passed(eased, RESOLVE_AFTER, now)
