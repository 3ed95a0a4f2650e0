"""Labels that stop and a disk that fills are reasons too, and only where they mean something."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.monitoring import DriftCheck, DriftReport, Health, Subject
from core.domain.prediction import Label
from core.monitoring.drift.compare import summarize_drifted
from core.monitoring.flow import describe_health, watch
from core.monitoring.health.checks import check_disk, check_drift, check_labels
from core.monitoring.health.health import judge_health
from core.monitoring.health.inputs import Disk, HealthInputs, LabelSilence
from core.settings import Thresholds
from core.store.engine.database import Database
from core.store.predictions.labels import count_received, find_span
from tests.fakes import keep_labels
from tests.streams import DAY, HOUR, NOON, SCALE, TOLERANCE, add_requests, deploy, spread_times

NOTHING = HealthInputs(
    champion=None,
    last_prediction_at=None,
    expected_requests=0.0,
    recent=(),
    labelled=None,
    tolerance=5.0,
)


def add_labels_of_a_week(db: Database, per_hour: int) -> None:
    """Labels at every hour of the eight days before noon, but for the last eight hours."""
    times = [NOON - hour * HOUR for hour in range(8, 8 * 24) for _ in range(per_hour)]
    with db.write() as conn:
        keep_labels(conn, (Label(f"p{i}", 50.0, at, "ada", at) for i, at in enumerate(times)))


X = DriftCheck("x", True, Subject.VALUES, 0.6, 0.1, 0.1, 0.001, passed=True, confirmed=True)
Y = replace(X, column="y", confirmed=False)
GONE = replace(X, column="z", subject=Subject.MISSING, n_gone=400, importance=0.4)


@pytest.mark.parametrize(
    ("checks", "verdict", "health", "said"),
    [
        ((), "none", Health.HEALTHY, "None of 3 columns has drifted beyond chance (900 requests"),
        (
            (Y,),
            "suspected",
            Health.HEALTHY,
            "Drift is suspected and not confirmed yet: 'y' moved by 0.600 sd",
        ),
        ((X, Y), "confirmed", Health.WARNING, "may cost accuracy: 'x' moved by 0.600 sd"),
        (
            (GONE,),
            "confirmed",
            Health.WARNING,
            "may cost accuracy: 'z' is missing in each of the newest 400 rows",
        ),
    ],
)
def test_drift_is_none_suspected_or_confirmed(
    checks: tuple[DriftCheck, ...], verdict: str, health: Health, said: str
) -> None:
    report = DriftReport(1, NOON, NOON - DAY, NOON, 900, 900, checks, 3, 6.0, basis="60 days")
    report = replace(report, drifted=summarize_drifted(checks))
    (reason,) = check_drift(replace(NOTHING, drift=report), (), NOON)
    assert (report.verdict, reason.health) == (verdict, health)
    assert said in reason.message


def test_labels_that_never_came_are_not_missed() -> None:
    assert check_labels(None, NOON) == []


@pytest.mark.parametrize(
    ("hours", "expected", "health"),
    [(5, 500.0, Health.HEALTHY), (8, 9.0, Health.HEALTHY), (8, 40.0, Health.WARNING)],
)
def test_a_silence_counts_from_six_hours_and_ten_usual_labels_on(
    hours: int, expected: float, health: Health
) -> None:
    (reason,) = check_labels(LabelSilence(NOON - hours * HOUR, expected), NOON)
    assert (reason.code, reason.health, reason.confirmed) == ("labels", health, True)


def test_a_label_that_came_just_now_is_not_zero_hours_old() -> None:
    (reason,) = check_labels(LabelSilence(NOON - timedelta(seconds=90), 500.0), NOON)
    assert reason.message == "The last label came 1 min 30 s ago, which is not unusual."


@pytest.mark.parametrize(("per_hour", "health"), [(3, Health.WARNING), (1, Health.HEALTHY)])
def test_silent_labels_are_measured_against_the_same_hours_of_other_days(
    db: Database, per_hour: int, health: Health
) -> None:
    deploy(db, 3)
    add_requests(db, "day", spread_times(NOON - DAY, NOON, 200))
    add_labels_of_a_week(db, per_hour)
    report = watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)
    reason = report.find_reason("labels")
    assert reason is not None
    assert reason.health is health


@pytest.mark.parametrize(("per_hour", "stopped"), [(3, True), (1, False)])
def test_the_lag_says_that_labels_have_stopped_where_their_silence_is_a_reason(
    db: Database, per_hour: int, stopped: bool
) -> None:
    deploy(db, 3)
    add_requests(db, "day", spread_times(NOON - DAY, NOON, 200))
    add_labels_of_a_week(db, per_hour)
    summary = describe_health(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)
    assert summary.lag.stopped == stopped


def test_labels_are_counted_by_when_they_came(db: Database) -> None:
    add_labels_of_a_week(db, 1)
    with db.read() as conn:
        assert find_span(conn) == (NOON - 191 * HOUR, NOON - 8 * HOUR)
        assert count_received(conn, NOON - 10 * HOUR, NOON - 8 * HOUR) == 2


@pytest.mark.parametrize(
    ("free", "found"),
    [(10**10, []), (900_000_000, [Health.WARNING]), (100_000_000, [Health.CRITICAL])],
)
def test_a_disk_without_room_is_a_reason(free: int, found: list[Health]) -> None:
    assert [reason.health for reason in check_disk(Disk(free, 2 * 10**10))] == found


def test_a_full_disk_is_said_before_the_first_deployment() -> None:
    facts = replace(NOTHING, disk=Disk(1_000_000, 2 * 10**10))
    report = judge_health(facts, Thresholds(), NOON + timedelta(0))
    assert report.health is Health.UNKNOWN
    reason = report.find_reason("disk")
    assert reason is not None
    assert reason.message.startswith("The disk is nearly full: 1.0 MB of 20.0 GB are free")
