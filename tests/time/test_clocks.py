"""Clocks that stand still, jump and change their zone: what is due is done, and nothing else."""

import os
import time as process_time
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.alerts.clock_jumps import judge_clock, note_jump
from core.alerts.incidents import record
from core.alerts.notification_policy import QuietHours
from core.alerts.rules import CONFIRM_AFTER, RESOLVE_AFTER, Finding
from core.clock import WallWatch, has_passed
from core.domain.incident import DeliveryState, EventKind
from core.domain.installation import ClockJump
from core.domain.monitoring import DAY, HOUR, MINUTE, Health, floor_time
from core.monitoring.retention import is_unusual
from core.store.engine.database import Database
from core.store.monitoring import deliveries
from tests.conftest import NOON

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
SECOND, ONE_DAY = timedelta(seconds=1), timedelta(days=1)
THREE_HOURS = timedelta(hours=3)
JUMPS = [timedelta(0), THREE_HOURS, -THREE_HOURS, 120 * ONE_DAY, -120 * ONE_DAY]


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo]:
    """The machine's own zone, which nothing may depend on."""
    monkeypatch.setitem(os.environ, "TZ", request.param)
    process_time.tzset()
    yield ZoneInfo(request.param)
    monkeypatch.undo()
    process_time.tzset()


def changes(zone: ZoneInfo) -> list[datetime]:
    """The hours, UTC, around the two changes of the clocks in 2026."""
    moments = (datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(hours=1) for n in range(8760))
    return [
        at
        for at in moments
        if at.astimezone(zone).utcoffset() != (at - timedelta(hours=1)).astimezone(zone).utcoffset()
    ]


# --- Intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "passed"),
    [
        (timedelta(0), False),  # a clock that stands still
        (ONE_DAY - SECOND, False),
        (ONE_DAY, True),
        (120 * ONE_DAY, True),
        (-30 * SECOND, False),  # what time servers do
        (-THREE_HOURS, True),
        (-120 * ONE_DAY, True),
    ],
)
def test_what_is_due_after_a_day_is_never_due_later_than_in_a_day(
    later: timedelta, passed: bool
) -> None:
    assert has_passed(NOON, ONE_DAY, NOON + later) is passed


@pytest.mark.parametrize("day", [date(2026, 12, 31), date(2028, 2, 28), date(2028, 2, 29)])
def test_year_ends_and_leap_days_are_days_like_others(day: date) -> None:
    start = datetime.combine(day, time(23, 59, 30), UTC)
    assert not has_passed(start, ONE_DAY, start + ONE_DAY - SECOND)
    assert has_passed(start, ONE_DAY, start + ONE_DAY)


def test_a_day_is_a_day_across_the_changes_of_a_zone(zone: ZoneInfo) -> None:
    for change in changes(zone):
        start = (change - timedelta(hours=12)).astimezone(zone)
        assert not has_passed(start.astimezone(UTC), ONE_DAY, change + timedelta(hours=11))
        assert has_passed(start.astimezone(UTC), ONE_DAY, change + timedelta(hours=12))


@pytest.mark.parametrize(
    ("walls", "steadies", "turned"),
    [
        ([0, 1, 2], [0, 1, 2], [0, 0, 0]),
        ([0, 0, 0], [0, 1, 2], [0, 0, 0]),  # stands still for two seconds
        ([0, -10_799, -10_798], [0, 1, 2], [0, -10_800, 0]),
        ([0, 10_368_001, 10_368_002], [0, 1, 2], [0, 10_368_000, 0]),
        ([0, 3_600, 3_601], [0, 3_600, 3_601], [0, 0, 0]),  # the machine slept
        ([0, 31, 32], [0, 1, 2], [0, 0, 0]),  # a time server's step, a leap second
        ([0, 10_801, 2], [0, 1, 2], [0, 10_800, -10_800]),  # there and back
        ([0, 600, 1_200], [0, 540.5, 1_081], [0, 0, 0]),  # a slow clock, caught up bit by bit
    ],
)
def test_a_clock_that_was_set_is_told_from_one_that_slept(
    walls: list[int], steadies: list[float], turned: list[float]
) -> None:
    watch = WallWatch()
    looks = zip(walls, steadies, strict=True)
    found = [watch.look(NOON + wall * SECOND, at) for wall, at in looks]
    assert found == pytest.approx(turned, abs=1e-3)


# --- Schedules -----------------------------------------------------------------------------------


def test_quiet_hours_are_those_of_utc_in_every_zone_and_at_its_changes(zone: ZoneInfo) -> None:
    night = QuietHours(time(22), time(7))
    for change in [*changes(zone), datetime(2027, 1, 1, tzinfo=UTC)]:
        day = change.date()
        for hour in range(24):
            at = datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC)
            end = {True: day, False: day + ONE_DAY}[hour < 7]
            quiet = hour >= 22 or hour < 7
            assert night.find_end(at) == (datetime.combine(end, time(7), UTC) if quiet else None)


@pytest.mark.parametrize("day", [date(2026, 12, 31), date(2028, 2, 28), date(2028, 2, 29)])
def test_quiet_hours_end_on_the_next_day_of_the_calendar(day: date) -> None:
    late = datetime.combine(day, time(23), UTC)
    assert QuietHours(time(22), time(7)).find_end(late) == late + timedelta(hours=8)


def test_rollups_of_a_day_begin_at_midnight_utc_in_every_zone(zone: ZoneInfo) -> None:
    for change in changes(zone):
        starts = {floor_time(change + n * timedelta(hours=1), DAY) for n in range(24)}
        assert all(start.timetz() == time(0, tzinfo=UTC) for start in starts)
        hours = {floor_time(change + n * timedelta(minutes=20), HOUR) for n in range(72)}
        assert len(hours) == 24
        assert floor_time(change + 59 * SECOND, MINUTE) == change


# --- Incidents and messages ----------------------------------------------------------------------


def find(db: Database, at: datetime, severity: Health) -> list[EventKind]:
    events = record(db, [Finding("latency", severity, "It takes 900 ms.")], at)
    return [event.kind for event in events]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_an_incident_is_confirmed_and_ends_however_the_clock_is_set(
    db: Database, jump: timedelta
) -> None:
    assert find(db, NOON, Health.CRITICAL) == [EventKind.PENDING]
    after = NOON + jump + CONFIRM_AFTER
    assert find(db, after, Health.CRITICAL) == [EventKind.OPENED]
    assert find(db, after + SECOND, Health.HEALTHY) == [EventKind.EASED]
    assert find(db, after + SECOND + RESOLVE_AFTER, Health.HEALTHY) == [EventKind.RESOLVED]


def test_an_incident_of_a_clock_that_stands_still_waits_for_its_second_look(db: Database) -> None:
    assert find(db, NOON, Health.CRITICAL) == [EventKind.PENDING]
    assert find(db, NOON, Health.CRITICAL) == []


@pytest.mark.parametrize("jump", [-THREE_HOURS, -120 * ONE_DAY], ids=str)
def test_a_message_of_before_a_clock_was_set_back_is_sent_now(
    db: Database, jump: timedelta
) -> None:
    rows = [
        {"event_id": None, "channel": "c", "label": "mail", "state": state, "due_at": NOON}
        for state in (DeliveryState.WAITING,)
    ]
    with db.write() as conn:
        deliveries.append_deliveries(conn, [{**row, "error": None} for row in rows], NOON)
        claimed = deliveries.claim_due(conn, ["c"], NOON + jump, timedelta(minutes=2))
    assert [one.label for one in claimed] == ["mail"]


def test_a_message_that_is_held_until_the_morning_waits(db: Database) -> None:
    row = {"event_id": None, "channel": "c", "label": "mail", "error": None}
    held = {**row, "state": DeliveryState.WAITING, "due_at": NOON + THREE_HOURS}
    with db.write() as conn:
        deliveries.append_deliveries(conn, [held], NOON)
        assert not deliveries.claim_due(conn, ["c"], NOON, timedelta(minutes=2))
        assert deliveries.claim_due(conn, ["c"], NOON + THREE_HOURS, timedelta(minutes=2))


@pytest.mark.parametrize(
    ("later", "health"),
    [
        (timedelta(0), Health.WARNING),
        (timedelta(minutes=59), Health.WARNING),
        (timedelta(hours=1), Health.HEALTHY),
        (-ONE_DAY, Health.HEALTHY),
    ],
)
def test_a_clock_that_was_set_is_an_incident_for_an_hour(
    db: Database, later: timedelta, health: Health
) -> None:
    assert judge_clock(db, NOON).severity is Health.HEALTHY
    note_jump(db, ClockJump(NOON, "plum01", 120 * 86_400.0))
    found = judge_clock(db, NOON + later)
    assert found.severity is health
    if health is Health.WARNING:
        assert found.message == (
            "The clock of plum01 was set forward by 120 days, to 2026-03-02 12:00 UTC: rows "
            "written around then have times that do not follow each other. Intervals are not "
            "affected."
        )


# --- What is old ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "kept", "was_set", "asks"),
    [
        (90.001, 90, False, False),  # a worker that runs
        (92, 90, False, False),  # that was off over the weekend
        (90, -30, False, True),  # forward by 120 days
        (90, 60, False, True),  # forward by 30
        (90, 80, False, False),  # by ten, unseen
        (90, 80, True, True),  # and seen
        (90, 89.5, True, False),  # half a day is no more than usual
        (365, 90, False, True),  # a setting that was made shorter
        (1.2, 1, False, False),
    ],
)
def test_retention_asks_where_it_would_remove_more_than_usual(
    first: float, kept: float, was_set: bool, asks: bool
) -> None:
    newest_at = NOON
    until_at = min(NOON - kept * ONE_DAY, newest_at)
    oldest_at = NOON - first * ONE_DAY
    assert is_unusual(oldest_at, newest_at, until_at, clock_was_set=was_set) is asks
