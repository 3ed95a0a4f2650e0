"""A release is rolled back for its own faults only, and within the time that is promised."""

from dataclasses import replace

import pytest

from core.alerts.rollback_rules import Preference, judge_evidence, promise_rollback
from core.domain.deployment import ReleaseEvidence, Slowness
from core.settings import Thresholds
from tests.architecture import ROOT

PROMISED = {
    "every request fails": ("error_rate", 1.0),
    "one request in five fails": ("error_rate", 0.2),
    "no model answers": ("fallback", 1.0),
    "every request is slow": ("latency", 1.0),
    "one request in five is slow": ("latency", 0.2),
    "all scores are alike": ("collapsed", 1.0),
}
RATES = (1.0, 10.0, 100.0, 1_000.0)


def promise(check: str, rate: float, share: float = 1.0) -> float | None:
    """The minutes that are promised with the default settings."""
    found = promise_rollback(Thresholds(), check, requests_per_minute=rate, share=share)
    return None if found is None else found.total_seconds() / 60


def test_the_documentation_states_the_time_that_the_settings_promise() -> None:
    text = (ROOT / "docs" / "explanation" / "figures.md").read_text(encoding="utf-8")
    for name, (check, share) in PROMISED.items():
        minutes = [promise(check, rate, share) for rate in RATES]
        row = " | ".join("none" if one is None else f"{one:.0f}" for one in minutes)
        assert f"| {name} | {row} |" in text


def test_the_promise_follows_the_settings_and_the_traffic() -> None:
    strict = replace(Thresholds(), error_rate_critical=0.5, error_rate_warning=0.4)
    later = promise_rollback(strict, "error_rate", requests_per_minute=10.0)
    soon = promise("error_rate", 10.0)
    assert later is not None
    assert soon is not None
    assert later.total_seconds() / 60 > soon
    assert sorted(promise("error_rate", rate) or 0.0 for rate in RATES) == [
        promise("error_rate", rate) for rate in reversed(RATES)
    ]


@pytest.mark.parametrize(
    ("check", "share"), [("error_rate", 0.02), ("latency", 0.01), ("collapsed", 0.5)]
)
def test_what_is_never_critical_is_promised_nothing(check: str, share: float) -> None:
    assert promise(check, 100.0, share) is None


SLOW = Slowness(p95_ms=400.0, limit_ms=200.0, own_ms=390.0, before_ms=2.0, per_second=1.0)
CRITICAL = ReleaseEvidence(bad_since=frozenset({"latency", "error_rate", "fallback"}))


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({}, Preference.BETTER),
        ({"p95_ms": 3_000.0}, Preference.BETTER),
        ({"p95_ms": 3_000.0, "own_ms": 30.0, "per_second": 40.0}, Preference.BETTER),
        ({"own_ms": 5.0}, Preference.ALIKE),
        ({"own_ms": 20.0, "before_ms": 16.0}, Preference.ALIKE),
        ({"own_ms": 390.0, "before_ms": 380.0}, Preference.ALIKE),
        ({"own_ms": 5.0, "before_ms": 2.0, "per_second": 100.0}, Preference.ALIKE),
        ({"p95_ms": 150.0}, Preference.UNKNOWN),
    ],
    ids=[
        "the model is slow",
        "and others wait for it",
        "and so busy that others wait",
        "the machine is slow",
        "the machine slows both",
        "the version before is as slow",
        "hardly slower",
        "not slow since the release",
    ],
)
def test_latency_is_cured_where_the_model_makes_it(
    changes: dict[str, float], answer: Preference
) -> None:
    evidence = replace(CRITICAL, slowness=(replace(SLOW, **changes),))
    assert judge_evidence(evidence, ["latency"], 1).answer is answer


@pytest.mark.parametrize(
    ("n", "n_before", "n_elsewhere", "answer"),
    [
        (60, 0, 0, Preference.BETTER),
        (60, 29, 0, Preference.BETTER),
        (60, 30, 0, Preference.ALIKE),
        (60, 60, 0, Preference.ALIKE),
        (9, 0, 0, Preference.UNKNOWN),
        (60, 0, 59, Preference.BETTER),
        (60, 0, 60, Preference.ALIKE),
        (0, 0, 2_000, Preference.ALIKE),
    ],
)
def test_failures_are_cured_where_the_version_before_scores_most_of_them(
    n: int, n_before: int, n_elsewhere: int, answer: Preference
) -> None:
    evidence = replace(CRITICAL, n_unscored=n, n_unscored_before=n_before, n_elsewhere=n_elsewhere)
    for check in ("error_rate", "fallback"):
        assert judge_evidence(evidence, [check], 1).answer is answer


def test_one_check_that_the_version_before_cures_is_enough() -> None:
    evidence = replace(CRITICAL, n_unscored=60, n_unscored_before=60, slowness=(SLOW,))
    assert judge_evidence(evidence, ["error_rate", "latency"], 1).answer is Preference.BETTER


def test_what_was_critical_before_the_release_is_none_of_its_doing() -> None:
    evidence = replace(CRITICAL, slowness=(SLOW,), bad_before=frozenset({"latency"}))
    assert judge_evidence(evidence, ["latency"], 1).answer is Preference.ALIKE
