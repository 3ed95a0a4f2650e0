"""Incidents open once, end by themselves when the cause is gone, and remember who did what."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from core.alerts.incidents import acknowledge, detect, resolve, snooze
from core.alerts.rules import CONFIRM_AFTER, RESOLVE_AFTER, Finding
from core.domain.incident import EventKind, Incident, IncidentStatus
from core.domain.monitoring import Health, HealthReport, Reason
from core.errors import Conflict, InvalidInput, NotFound
from core.store.engine.database import Database
from core.store.monitoring import incidents
from tests.alerts.seeing import see
from tests.people import person
from tests.streams import HOUR, MINUTE, NOON


def report(health: Health, code: str = "latency", *, confirmed: bool = True) -> HealthReport:
    return HealthReport(health, (Reason(code, health, f"{code} {health}", "", confirmed),), NOON)


def kinds(db: Database, found: HealthReport, now: datetime = NOON) -> list[str]:
    return [event.kind.value for event in see(db, found, now)]


def load(db: Database) -> list[Incident]:
    with db.read() as conn:
        return incidents.load_incidents(conn, 100)


def open_one(db: Database) -> int:
    (event,) = see(db, report(Health.CRITICAL), NOON)
    return event.incident_id


def test_a_fault_opens_one_incident_however_often_it_is_seen(db: Database) -> None:
    assert kinds(db, report(Health.CRITICAL)) == ["opened"]
    assert kinds(db, report(Health.CRITICAL), NOON + MINUTE) == []
    (incident,) = load(db)
    assert incident.message == "latency critical"
    assert incident.events[0].by == "plumbline"


def test_what_is_gone_at_the_second_check_was_pending_and_calls_nobody(db: Database) -> None:
    detect(db, report(Health.CRITICAL), NOON)
    (incident,) = load(db)
    assert incident.status is IncidentStatus.PENDING
    assert not incident.was_opened
    detect(db, report(Health.HEALTHY), NOON + CONFIRM_AFTER)
    (incident,) = load(db)
    assert incident.status is IncidentStatus.RESOLVED
    assert incident.resolved_at == NOON + CONFIRM_AFTER
    assert [event.kind for event in incident.events] == [EventKind.PENDING, EventKind.WITHDRAWN]


def test_two_checks_in_one_moment_are_one(db: Database) -> None:
    for seconds in range(10):
        detect(db, report(Health.CRITICAL), NOON + timedelta(seconds=seconds))
    assert load(db)[0].status is IncidentStatus.PENDING


def test_a_collapse_and_the_errors_it_makes_are_one_incident_that_ends_with_the_last(
    db: Database,
) -> None:
    see(db, [Finding("collapsed", Health.CRITICAL, "one score")], NOON)
    see(db, [Finding("error_growth", Health.CRITICAL, "MAE 9")], NOON + HOUR)
    see(db, [Finding("collapsed", Health.HEALTHY, "many scores")], NOON + 2 * HOUR)
    (incident,) = load(db)
    assert incident.severity is Health.CRITICAL
    well = [Finding(check, Health.HEALTHY, "well") for check in ("collapsed", "error_growth")]
    for hour in (3, 4):
        see(db, well, NOON + hour * HOUR)
    (incident,) = load(db)
    assert incident.cause == "collapsed"
    assert [f"{event.check} {event.kind}" for event in incident.events] == [
        "collapsed pending",
        "collapsed opened",
        "error_growth joined",
        "collapsed eased",
        "error_growth eased",
        "collapsed resolved",
    ]


def test_what_explains_an_incident_gives_it_its_name_and_its_words(db: Database) -> None:
    see(db, [Finding("error_growth", Health.CRITICAL, "MAE 9")], NOON)
    see(db, [Finding("drift", Health.WARNING, "'quality' is missing")], NOON + HOUR)
    (incident,) = load(db)
    assert (incident.cause, incident.message) == ("drift", "'quality' is missing")
    assert incident.severity is Health.CRITICAL


def test_two_detectors_at_once_open_one_incident(db: Database) -> None:
    threads = [
        threading.Thread(target=see, args=(db, report(Health.CRITICAL), NOON)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (incident,) = load(db)
    assert [event.kind for event in incident.events] == [EventKind.PENDING, EventKind.OPENED]


def test_a_fault_that_worsens_eases_and_goes_is_one_timeline(db: Database) -> None:
    steps = [Health.WARNING, Health.CRITICAL, Health.WARNING, Health.HEALTHY, Health.HEALTHY]
    seen = [
        kind
        for i, health in enumerate(steps)
        for kind in kinds(db, report(health), NOON + i * RESOLVE_AFTER)
    ]
    assert seen == ["opened", "worsened", "eased", "eased", "resolved"]
    (incident,) = load(db)
    assert incident.status is IncidentStatus.RESOLVED
    assert incident.resolved_at == NOON + 4 * RESOLVE_AFTER


def test_a_fault_that_flickers_stays_one_incident(db: Database) -> None:
    for minute in range(60):
        health = Health.CRITICAL if minute % 2 == 0 else Health.HEALTHY
        see(db, report(health), NOON + minute * MINUTE)
    (incident,) = load(db)
    assert incident.status is IncidentStatus.OPEN
    assert {event.kind for event in incident.events[2:]} == {EventKind.EASED, EventKind.RETURNED}


@pytest.mark.parametrize("health", [Health.UNKNOWN, Health.STALE])
def test_no_data_is_no_proof_of_recovery(db: Database, health: Health) -> None:
    open_one(db)
    for hour in range(1, 48):
        assert kinds(db, report(health), NOON + hour * HOUR) == []
    assert load(db)[0].status is IncidentStatus.OPEN


def test_a_few_bad_rows_open_nothing(db: Database) -> None:
    assert kinds(db, report(Health.WARNING, confirmed=False)) == []


def test_the_same_cause_opens_a_new_incident_after_the_old_one_ended(db: Database) -> None:
    open_one(db)
    see(db, report(Health.HEALTHY), NOON + HOUR)
    see(db, report(Health.HEALTHY), NOON + 2 * HOUR)
    assert kinds(db, report(Health.CRITICAL), NOON + 2 * HOUR + MINUTE) == ["opened"]
    assert len(load(db)) == 2


def test_acknowledging_says_who_and_why(db: Database) -> None:
    incident = acknowledge(
        db, open_one(db), by=person("ada"), reason=" I look at it ", now=NOON + MINUTE
    )
    assert incident.status is IncidentStatus.ACKNOWLEDGED
    last = incident.events[-1]
    assert (last.by, last.message, last.at) == ("ada", "I look at it", NOON + MINUTE)
    assert incident.message == "latency critical"
    assert last.severity is Health.CRITICAL


def test_an_acknowledged_incident_still_resolves_by_itself(db: Database) -> None:
    acknowledge(db, open_one(db), by=person("ada"), reason="", now=NOON)
    see(db, report(Health.HEALTHY), NOON + HOUR)
    assert kinds(db, report(Health.HEALTHY), NOON + 2 * HOUR) == ["resolved"]


def test_acknowledging_twice_is_refused_and_names_the_first(db: Database) -> None:
    incident_id = open_one(db)
    acknowledge(db, incident_id, by=person("ada"), reason="mine", now=NOON)
    with pytest.raises(Conflict, match=r"acknowledged already: by ada at 2026-03-02 12:00 UTC"):
        acknowledge(db, incident_id, by=person("bob"), reason="mine", now=NOON)


def test_a_snoozed_incident_is_quiet_until_it_worsens(db: Database) -> None:
    see(db, report(Health.WARNING), NOON)
    incident = snooze(db, 1, duration=4 * HOUR, by=person("ada"), reason="known", now=NOON)
    assert incident.status is IncidentStatus.SNOOZED
    assert incident.events[-1].until_at == NOON + 4 * HOUR
    assert kinds(db, report(Health.WARNING), NOON + HOUR) == []
    assert kinds(db, report(Health.CRITICAL), NOON + HOUR) == ["worsened"]
    assert load(db)[0].status is IncidentStatus.OPEN


@pytest.mark.parametrize("duration", [timedelta(0), -HOUR, timedelta(days=31)])
def test_a_snooze_of_nothing_or_of_months_is_refused(db: Database, duration: timedelta) -> None:
    incident_id = open_one(db)
    with pytest.raises(InvalidInput, match="up to 30 days"):
        snooze(db, incident_id, duration=duration, by=person("ada"), reason="", now=NOON)


def test_a_person_resolves_with_a_reason_and_is_left_alone_for_an_hour(db: Database) -> None:
    incident = resolve(db, open_one(db), by=person("ada"), reason="restarted", now=NOON)
    assert incident.status is IncidentStatus.RESOLVED
    assert incident.events[-1].message == "restarted"
    assert kinds(db, report(Health.CRITICAL), NOON + 59 * MINUTE) == []
    assert kinds(db, report(Health.CRITICAL), NOON + 60 * MINUTE) == ["opened"]


def test_nothing_is_said_without_a_reason_but_that(db: Database) -> None:
    incident = resolve(db, open_one(db), by=person("ada"), reason="  ", now=NOON)
    assert incident.events[-1].message == "no reason given"


ACTIONS: list[Callable[..., Incident]] = [
    acknowledge,
    resolve,
    lambda db, number, **kw: snooze(db, number, duration=HOUR, **kw),
]


@pytest.mark.parametrize("act", ACTIONS)
def test_a_resolved_incident_takes_nothing_more(db: Database, act: Callable[..., Incident]) -> None:
    incident_id = open_one(db)
    resolve(db, incident_id, by=person("ada"), reason="done", now=NOON)
    with pytest.raises(Conflict, match="resolved already: by ada"):
        act(db, incident_id, by=person("bob"), reason="", now=NOON)
    assert len(load(db)[0].events) == 3


@pytest.mark.parametrize("act", ACTIONS)
def test_an_incident_that_does_not_exist_is_not_found(
    db: Database, act: Callable[..., Incident]
) -> None:
    with pytest.raises(NotFound):
        act(db, 7, by=person("ada"), reason="", now=NOON)
