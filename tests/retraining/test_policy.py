"""Training again is due for a reason, and not due for a reason."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.monitoring import DriftCheck, Health, HealthReport, Reason, Subject
from core.retraining.policy import (
    Policy,
    RetrainingInputs,
    RetrainingVerdict,
    build_policy,
    decide_retraining,
)
from core.settings import parse_settings
from tests.streams import NOON

POLICY = Policy(mode="propose", every=timedelta(days=7), new_rows=100, recipe="advanced")
QUIET = RetrainingInputs(
    champion=3,
    newest=3,
    trained_at=NOON - timedelta(days=2),
    n_new_samples=30,
    n_new_labels=13,
    last_attempt_at=NOON - timedelta(days=2),
    open_job_id=None,
    report=HealthReport(Health.HEALTHY, (), NOON),
)


def decide(**changes: object) -> RetrainingVerdict:
    mode = str(changes.pop("mode", "propose"))
    facts = replace(QUIET, **changes)  # type: ignore[arg-type]
    return decide_retraining(facts, replace(POLICY, mode=mode), NOON)


def critical(*codes: str) -> HealthReport:
    reasons = tuple(Reason(code, Health.CRITICAL, f"{code} is bad.", "") for code in codes)
    return HealthReport(Health.CRITICAL, reasons, NOON)


def test_a_quiet_week_is_no_reason_and_every_signal_says_why() -> None:
    verdict = decide()
    assert not verdict.retrain
    assert verdict.signals == ()
    assert verdict.reasons == (
        "v3 was trained 2 days ago; the next training by age is due in 5 days.",
        "43 labelled rows are newer than the last training (30 collected, 13 labelled "
        "predictions); it is due from 100 on.",
        "Nothing critical that training would cure.",
    )


def test_seven_days_are_a_reason() -> None:
    verdict = decide(trained_at=NOON - timedelta(days=7))
    assert verdict.retrain
    assert verdict.signals == ("age",)
    assert verdict.reasons == ("v3 was trained 7 days ago; a training is due every 7 days.",)
    assert not decide(trained_at=NOON - timedelta(days=7) + timedelta(seconds=1)).retrain


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        (0, "v3 was trained today; the next training by age is due in 7 days."),
        (25, "v3 was trained yesterday; the next training by age is due in 6 days."),
        (167, "v3 was trained 7 days ago; the next training by age is due in 1 day."),
    ],
)
def test_the_age_of_a_training_is_said_in_days(hours: int, sentence: str) -> None:
    assert decide(trained_at=NOON - timedelta(hours=hours)).reasons[0] == sentence


def test_a_hundred_new_rows_are_a_reason_wherever_they_come_from() -> None:
    assert decide(n_new_samples=100, n_new_labels=0).signals == ("new_rows",)
    assert decide(n_new_samples=0, n_new_labels=100).signals == ("new_rows",)
    assert decide(n_new_samples=50, n_new_labels=50).retrain
    assert not decide(n_new_samples=50, n_new_labels=49).retrain


@pytest.mark.parametrize("code", ["error_growth", "accuracy", "collapsed"])
def test_critical_health_is_a_reason_where_a_model_can_cure_it(code: str) -> None:
    verdict = decide(report=critical("latency", code))
    assert verdict.signals == ("critical_health",)
    assert verdict.reasons == (f"Health is critical: {code} is bad.",)


def test_drift_that_costs_is_a_reason_and_says_how_much() -> None:
    check = DriftCheck("size", True, Subject.VALUES, 0.6, 0.1, 0.1, 0.001, True, True, 0.4, 1.25)
    verdict = decide(costly=(check, replace(check, column="age", effect_on_mae=None)))
    assert verdict.retrain
    assert verdict.signals == ("drift",)
    assert verdict.reasons == (
        "Inputs drifted in a way that costs: 'size' (MAE +1.25 estimated), 'age'.",
    )


def test_slow_and_failing_requests_are_no_reason_to_train() -> None:
    verdict = decide(report=critical("latency", "error_rate"))
    assert not verdict.retrain
    assert verdict.reasons[-1] == (
        "Health is critical because of latency and error rate, which training does not cure."
    )


def test_all_reasons_that_hold_are_named() -> None:
    verdict = decide(
        trained_at=NOON - timedelta(days=8), n_new_samples=500, report=critical("error_growth")
    )
    assert verdict.signals == ("age", "new_rows", "critical_health")
    assert len(verdict.reasons) == 3


DUE = {"trained_at": NOON - timedelta(days=8)}


@pytest.mark.parametrize(
    ("changes", "signal", "words"),
    [
        ({"mode": "off"}, "off", "Automatic retraining is off"),
        ({"open_job_id": 12}, "running", "Job 12 is training or waits to."),
        ({"last_attempt_at": NOON - timedelta(hours=5)}, "cool_down", "from 13:00 UTC on."),
        ({"n_new_samples": 0, "n_new_labels": 0}, "no_new_rows", "the same model again"),
    ],
)
def test_what_is_due_waits_for_what_stands_in_its_way(
    changes: dict[str, object], signal: str, words: str
) -> None:
    verdict = decide(**DUE, **changes)
    assert not verdict.retrain
    assert verdict.signals == (signal, "age")
    assert words in verdict.reasons[0]
    assert "is due every 7 days" in verdict.reasons[1]


def test_the_cool_down_ends() -> None:
    assert decide(**DUE, last_attempt_at=NOON - POLICY.cool_down).retrain


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"champion": None}, "Nothing is deployed"),
        ({"champion": 0}, "No trained version is deployed"),
        ({"newest": None, "trained_at": None}, "No trained version is deployed"),
    ],
)
def test_without_a_model_that_serves_a_person_begins(
    changes: dict[str, object], words: str
) -> None:
    verdict = decide(**changes)
    assert not verdict.retrain
    assert verdict.signals == ("nothing_deployed",)
    assert verdict.reasons[0].startswith(words)


def test_unknown_health_is_no_reason_either_way() -> None:
    assert not decide(report=None).retrain
    assert decide(**DUE, report=None).retrain


def test_the_policy_is_that_of_the_settings() -> None:
    assert build_policy(parse_settings({})) == POLICY
