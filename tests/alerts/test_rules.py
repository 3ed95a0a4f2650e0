"""A cause has one incident, which opens for sure things only and ends when it stays clear."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.alerts.rules import (
    CAUSES,
    CONFIRM_AFTER,
    NEWS_AFTER,
    REOPEN_AFTER,
    RESOLVE_AFTER,
    Finding,
    IncidentStep,
    decide_steps,
    read_findings,
)
from core.domain.incident import EXPLAINS, EventKind, Incident, IncidentEvent, IncidentStatus
from core.domain.installation import AUTOMATION
from core.domain.monitoring import Health, HealthReport, Reason
from tests.streams import MINUTE, NOON

CLEAR = Finding("latency", Health.HEALTHY, "p95 is 20 ms")
WARNING = Finding("latency", Health.WARNING, "p95 is 120 ms")
CRITICAL = Finding("latency", Health.CRITICAL, "p95 is 900 ms")


def report(*reasons: Reason) -> HealthReport:
    return HealthReport(Health.UNKNOWN, reasons, NOON)


def incident(
    *events: tuple[EventKind, Health],
    cause: str = "latency",
    by: str = AUTOMATION,
    at: datetime = NOON,
) -> Incident:
    rows = tuple(IncidentEvent(1, at, kind, severity, "m", by) for kind, severity in events)
    resolved = rows[-1].kind is EventKind.RESOLVED
    status = IncidentStatus.RESOLVED if resolved else IncidentStatus.OPEN
    return Incident(1, cause, at, status, rows[-1].severity, "m", rows)


def decide(
    finding: Finding,
    unresolved: Incident | None = None,
    resolved: Incident | None = None,
    now: datetime = NOON,
) -> EventKind | None:
    steps = decide_steps(
        [finding],
        [] if unresolved is None else [unresolved],
        [] if resolved is None else [resolved],
        now,
    )
    return steps[0].kind if steps else None


@pytest.mark.parametrize(
    ("health", "confirmed", "severity"),
    [
        (Health.HEALTHY, True, Health.HEALTHY),
        (Health.WARNING, True, Health.WARNING),
        (Health.WARNING, False, None),
        (Health.CRITICAL, True, Health.CRITICAL),
        (Health.UNKNOWN, True, None),
        (Health.STALE, False, None),
        (Health.STALE, True, None),
    ],
)
@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause != "no_traffic"])
def test_only_what_is_sure_is_a_finding(
    cause: str, health: Health, confirmed: bool, severity: Health | None
) -> None:
    found = read_findings(report(Reason(cause, health, "m", "", confirmed)))
    own = [finding.severity for finding in found if finding.cause == cause]
    assert own == ([] if severity is None else [severity])


def test_of_the_two_checks_of_the_error_one_that_is_alone_and_well_ends_what_both_began() -> None:
    level = Reason("accuracy", Health.CRITICAL, "70 %", "")
    well = Reason("error_growth", Health.HEALTHY, "90 %", "")
    assert [f.cause for f in read_findings(report(well))] == ["error_growth", "accuracy"]
    alone = replace(level, health=Health.HEALTHY)
    assert [f.cause for f in read_findings(report(alone))] == ["accuracy", "error_growth"]
    assert [f.cause for f in read_findings(report(level))] == ["accuracy"]
    found = {f.cause: f.severity for f in read_findings(report(well, level))}
    assert found == {"error_growth": Health.HEALTHY, "accuracy": Health.CRITICAL}


@pytest.mark.parametrize(
    ("health", "confirmed", "severity"),
    [
        (Health.STALE, True, Health.WARNING),
        (Health.STALE, False, None),
        (Health.UNKNOWN, True, None),  # there never was any traffic
        (Health.HEALTHY, True, Health.HEALTHY),
    ],
)
def test_a_pause_is_a_finding_where_it_is_unusual(
    health: Health, confirmed: bool, severity: Health | None
) -> None:
    found = read_findings(report(Reason("no_traffic", health, "m", "", confirmed)))
    assert [finding.severity for finding in found] == ([] if severity is None else [severity])


@pytest.mark.parametrize("code", ["worker", "deployment", "requests", "measuring", "skill"])
def test_other_checks_open_nothing(code: str) -> None:
    assert read_findings(report(Reason(code, Health.CRITICAL, "m", ""))) == []


def test_a_bad_finding_begins_an_incident_with_its_message() -> None:
    assert decide_steps([CRITICAL], [], [], NOON) == [
        IncidentStep(
            None, "latency", EventKind.PENDING, "latency", Health.CRITICAL, "p95 is 900 ms"
        )
    ]
    assert decide(CLEAR) is None


def test_causes_do_not_touch_one_another() -> None:
    other = incident((EventKind.OPENED, Health.CRITICAL), cause="error_growth")
    assert decide(CRITICAL, other) is EventKind.PENDING


PENDING = incident((EventKind.PENDING, Health.WARNING))


@pytest.mark.parametrize(
    ("finding", "later", "kind"),
    [
        (WARNING, CONFIRM_AFTER, EventKind.OPENED),
        (CRITICAL, CONFIRM_AFTER, EventKind.OPENED),
        (CLEAR, CONFIRM_AFTER, EventKind.WITHDRAWN),
        (WARNING, CONFIRM_AFTER / 2, None),
        (CLEAR, CONFIRM_AFTER / 2, None),
    ],
)
def test_a_second_check_opens_or_withdraws_what_is_pending(
    finding: Finding, later: timedelta, kind: EventKind | None
) -> None:
    pending = replace(PENDING, status=IncidentStatus.PENDING)
    assert decide(finding, pending, now=NOON + later) is kind


@pytest.mark.parametrize(
    ("cause", "check"), [(cause, check) for cause in EXPLAINS for check in EXPLAINS[cause]]
)
def test_checks_of_one_cause_are_one_incident_whichever_is_first(cause: str, check: str) -> None:
    for first, second in ((cause, check), (check, cause)):
        lasting = incident((EventKind.OPENED, Health.CRITICAL), cause=first)
        assert decide(Finding(second, Health.CRITICAL, "m"), lasting) is EventKind.JOINED
    both = [Finding(check, Health.WARNING, "m"), Finding(cause, Health.WARNING, "m")]
    steps = decide_steps(both, [], [], NOON)
    assert [(step.began, step.check, step.kind) for step in steps] == [
        (cause, cause, EventKind.PENDING),
        (cause, check, EventKind.JOINED),
    ]


def test_what_is_pending_opens_by_the_worst_of_its_checks() -> None:
    """A critical check beside a warning one: a call that waits for no quiet hours."""
    event = IncidentEvent(
        1, NOON, EventKind.PENDING, Health.WARNING, "m", AUTOMATION, check="error_growth"
    )
    pending = Incident(
        1, "error_growth", NOON, IncidentStatus.PENDING, Health.WARNING, "m", (event,)
    )
    found = [
        Finding("error_growth", Health.WARNING, "1.3 times"),
        Finding("collapsed", Health.CRITICAL, "one score"),
    ]
    joined, opened = decide_steps(found, [pending], [], NOON + CONFIRM_AFTER)
    assert (joined.kind, joined.check) == (EventKind.JOINED, "collapsed")
    assert (opened.kind, opened.check) == (EventKind.OPENED, "collapsed")
    assert opened.severity is Health.CRITICAL


@pytest.mark.parametrize(
    ("second", "kind"), [(Health.WARNING, EventKind.EASED), (Health.CRITICAL, None)]
)
def test_every_check_of_what_opens_says_what_the_second_look_found(
    second: Health, kind: EventKind | None
) -> None:
    """Both were critical at first; one that is a warning by now is no critical one any more."""
    events = tuple(
        IncidentEvent(1, NOON, kind, Health.CRITICAL, "m", AUTOMATION, check=check)
        for kind, check in ((EventKind.PENDING, "fallback"), (EventKind.JOINED, "error_rate"))
    )
    pending = Incident(1, "fallback", NOON, IncidentStatus.PENDING, Health.CRITICAL, "m", events)
    found = [
        Finding("fallback", Health.CRITICAL, "60 %"),
        Finding("error_rate", second, "now"),
    ]
    opened, *others = decide_steps(found, [pending], [], NOON + CONFIRM_AFTER)
    assert (opened.kind, opened.check) == (EventKind.OPENED, "fallback")
    assert [(step.check, step.kind, step.severity) for step in others] == (
        [] if kind is None else [("error_rate", kind, second)]
    )


def test_what_joins_and_is_worse_calls() -> None:
    lasting = incident((EventKind.OPENED, Health.WARNING), cause="drift")
    assert decide(Finding("error_growth", Health.WARNING, "m"), lasting) is EventKind.JOINED
    assert decide(Finding("error_growth", Health.CRITICAL, "m"), lasting) is EventKind.WORSENED


def test_a_check_that_comes_back_after_a_day_calls_again() -> None:
    soon, later = NOON + NEWS_AFTER - MINUTE, NOON + NEWS_AFTER
    assert decide(CRITICAL, CLEARED, now=soon) is EventKind.RETURNED
    assert decide(CRITICAL, CLEARED, now=later) is EventKind.WORSENED


WAS_WARNING = incident((EventKind.OPENED, Health.WARNING))
WAS_CRITICAL = incident((EventKind.OPENED, Health.CRITICAL))
EASED = incident((EventKind.OPENED, Health.CRITICAL), (EventKind.EASED, Health.WARNING))
CLEARED = incident((EventKind.OPENED, Health.CRITICAL), (EventKind.EASED, Health.HEALTHY))


@pytest.mark.parametrize(
    ("finding", "before", "kind"),
    [
        (WARNING, WAS_WARNING, None),
        (CRITICAL, WAS_WARNING, EventKind.WORSENED),
        (CRITICAL, WAS_CRITICAL, None),
        (WARNING, WAS_CRITICAL, EventKind.EASED),
        (CLEAR, WAS_CRITICAL, EventKind.EASED),
        (CRITICAL, EASED, EventKind.RETURNED),  # nobody is called again for the same
        (CLEAR, EASED, EventKind.EASED),
        (WARNING, CLEARED, EventKind.RETURNED),
        (CRITICAL, CLEARED, EventKind.RETURNED),
        (CLEAR, CLEARED, None),
    ],
)
def test_an_incident_changes_once_for_each_change(
    finding: Finding, before: Incident, kind: EventKind | None
) -> None:
    assert decide(finding, before) is kind


def test_an_incident_is_resolved_when_it_has_stayed_clear() -> None:
    assert decide(CLEAR, CLEARED, now=NOON + RESOLVE_AFTER - timedelta(seconds=1)) is None
    assert decide(CLEAR, CLEARED, now=NOON + RESOLVE_AFTER) is EventKind.RESOLVED


def test_no_finding_neither_opens_nor_resolves() -> None:
    assert decide_steps([], [CLEARED, WAS_CRITICAL], [], NOON + 99 * RESOLVE_AFTER) == []


def test_what_a_person_resolved_is_left_alone_for_a_while_unless_it_gets_worse() -> None:
    events = ((EventKind.OPENED, Health.WARNING), (EventKind.RESOLVED, Health.WARNING))
    by_person, by_rule = incident(*events, by="ada"), incident(*events)
    soon, later = NOON + MINUTE, NOON + REOPEN_AFTER
    assert decide(WARNING, resolved=by_person, now=soon) is None
    assert decide(CRITICAL, resolved=by_person, now=soon) is EventKind.PENDING
    assert decide(WARNING, resolved=by_person, now=later) is EventKind.PENDING
    assert decide(WARNING, resolved=by_rule, now=soon) is EventKind.PENDING
