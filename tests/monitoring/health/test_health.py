"""A status is never better than what is known, and its reasons carry the figures."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.monitoring import Health, HealthReport, Reason, Unanswered
from core.domain.prediction import AnswerSource, Route
from core.domain.training_report import Estimate, Metrics, Naive
from core.monitoring.health.degradation import ErrorGrowth, LiveError
from core.monitoring.health.expected_traffic import Spread
from core.monitoring.health.health import has_changed, judge_health
from core.monitoring.health.inputs import HealthInputs, LabelledWindow, Recent, Worker, judge_level
from core.monitoring.measure.performance import Figures
from core.monitoring.measure.traffic import Counts
from core.settings import Thresholds
from core.stats.histogram import latency_bucket, merge, quantile
from core.stats.intervals import Interval, wilson
from tests.streams import NOON

LIMITS = Thresholds()


def requests(
    n_model: int = 400,
    n_heuristic: int = 0,
    n_failed: int = 0,
    ms: float = 20.0,
    **more: Any,
) -> tuple[Recent, ...]:
    """Requests of one kind; `more` as `of_kind` has it."""
    return (of_kind(n_model, n_heuristic, n_failed, ms, **more),)


def of_kind(
    n_model: int = 400,
    n_heuristic: int = 0,
    n_failed: int = 0,
    ms: float = 20.0,
    *,
    n_refused: int = 0,
    n_unreadable: int = 0,
    route: Route = Route.SINGLE,
) -> Recent:
    """Requests of one kind; those that were refused took no time."""
    n = n_model + n_heuristic + n_failed
    latency = merge([{latency_bucket(ms): n}]) if n else {}
    p50, p95, p99 = (quantile(latency, q) for q in (0.5, 0.95, 0.99))
    counts = Counts(
        n_model,
        n_heuristic,
        n_failed,
        n_refused + n_unreadable,
        n_unreadable,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )
    return Recent(counts, latency, timedelta(hours=1), route)


def labels(n_hits: int, n: int, skill: float = 0.5) -> LabelledWindow:
    """`n` labels, of which `n_hits` are within the tolerance; too few give no figure."""
    if n < LIMITS.min_labels:
        return LabelledWindow(Figures(1_000, n, note="too few"), timedelta(days=30))
    interval = Interval(skill, skill - 0.1, skill + 0.1)
    figures = Figures(
        1_000,
        n,
        accuracy=wilson(n_hits, n),
        mae=Interval(3.0, 2.8, 3.2),
        rmse=Interval(3.75, 3.5, 4.0),
        skill=interval,
        naive=Naive(61.0, 3.0 / (1 - skill), 7.5, 0.4),
    )
    return LabelledWindow(figures, timedelta(hours=24))


GOOD = HealthInputs(
    champion=3,
    last_prediction_at=NOON - timedelta(seconds=20),
    expected_requests=0.0,
    recent=requests(),
    labelled=labels(270, 300),
    tolerance=5.0,
    spread=Spread(n_distinct=400, share=0.1, score=60.0),
    worker=Worker(alive=True, expired_at=NOON, n_unmeasured=3, measured_at=NOON),
)


def judge(facts: HealthInputs) -> HealthReport:
    return judge_health(facts, LIMITS, NOON)


def find(facts: HealthInputs, code: str) -> Reason:
    reason = judge(facts).find_reason(code)
    assert reason is not None
    return reason


def test_healthy_names_every_check_that_was_made() -> None:
    report = judge(GOOD)
    assert report.health is Health.HEALTHY
    assert report.at == NOON
    assert {reason.code for reason in report.reasons} == {
        "accuracy",
        "error_rate",
        "fallback",
        "refused",
        "latency",
        "collapsed",
        "no_traffic",
    }
    assert all(reason.next_step == "" for reason in report.reasons)


def test_nothing_deployed_is_unknown_and_says_so() -> None:
    report = judge(replace(GOOD, champion=None))
    assert report.health is Health.UNKNOWN
    assert report.reasons[0].code == "deployment"


def test_no_prediction_ever_is_unknown() -> None:
    report = judge(replace(GOOD, last_prediction_at=None, recent=(), labelled=None))
    assert report.health is Health.UNKNOWN
    assert report.reasons[0].code == "no_traffic"


def test_an_old_last_prediction_is_stale_whatever_was_measured_before() -> None:
    facts = replace(
        GOOD,
        last_prediction_at=NOON - timedelta(minutes=61),
        recent=requests(n_failed=400, n_model=0),
        expected_requests=42.0,
    )
    report = judge(facts)
    assert report.health is Health.STALE
    assert report.reasons[0].code == "no_traffic"
    assert find(facts, "error_rate").health is Health.STALE


def test_exactly_stale_after_is_not_stale_yet() -> None:
    facts = replace(GOOD, last_prediction_at=NOON - LIMITS.stale_after)
    assert judge(facts).health is Health.HEALTHY


def test_a_usual_pause_is_stale_but_not_confirmed() -> None:
    facts = replace(GOOD, last_prediction_at=NOON - timedelta(hours=9), expected_requests=9.9)
    reason = find(facts, "no_traffic")
    assert (reason.health, reason.confirmed) == (Health.STALE, False)


def test_a_critical_accuracy_stays_visible_while_the_status_is_stale() -> None:
    facts = replace(GOOD, last_prediction_at=NOON - timedelta(hours=9), labelled=labels(150, 300))
    assert judge(facts).health is Health.STALE
    assert find(facts, "accuracy").health is Health.CRITICAL


def test_too_few_labels_leave_the_status_unknown_but_do_not_hide_a_critical_latency() -> None:
    facts = replace(GOOD, labelled=labels(10, 29))
    assert judge(facts).health is Health.UNKNOWN
    slow = judge(replace(facts, recent=requests(ms=900.0)))
    assert slow.health is Health.CRITICAL
    assert [reason.code for reason in slow.reasons[:2]] == ["latency", "accuracy"]
    assert find(facts, "accuracy").health is Health.UNKNOWN


def test_too_few_requests_leave_the_status_unknown() -> None:
    facts = replace(GOOD, recent=requests(n_model=0, n_failed=19))
    assert judge(facts).health is Health.UNKNOWN
    assert find(facts, "requests").health is Health.UNKNOWN
    assert judge(replace(facts, recent=requests(0, 0, 20))).health is Health.CRITICAL


@pytest.mark.parametrize(
    ("n_hits", "n", "health", "confirmed"),
    [
        (270, 300, Health.HEALTHY, True),
        (24, 30, Health.HEALTHY, True),  # exactly at the threshold
        (23, 30, Health.WARNING, False),  # 77 %: seven misses may be chance
        (21, 30, Health.WARNING, False),  # 70 %, its upper limit 83 %
        (18, 30, Health.CRITICAL, True),  # 60 %, its upper limit 75 %
        (232, 300, Health.WARNING, False),  # 77 %
        (2_320, 3_000, Health.WARNING, True),
        (2_200, 3_000, Health.CRITICAL, True),
    ],
)
def test_accuracy_is_judged_by_its_interval(
    n_hits: int, n: int, health: Health, confirmed: bool
) -> None:
    reason = find(replace(GOOD, labelled=labels(n_hits, n)), "accuracy")
    assert (reason.health, reason.confirmed) == (health, confirmed)


@pytest.mark.parametrize(
    ("n_failed", "n", "health", "confirmed"),
    [
        (0, 100, Health.HEALTHY, True),
        (1, 100, Health.HEALTHY, True),
        (2, 100, Health.WARNING, False),
        (4, 100, Health.WARNING, True),
        (6, 100, Health.CRITICAL, True),
        (2, 20, Health.CRITICAL, True),
        (1, 20, Health.WARNING, False),
    ],
)
def test_the_error_rate_is_judged_by_its_interval(
    n_failed: int, n: int, health: Health, confirmed: bool
) -> None:
    reason = find(replace(GOOD, recent=requests(n - n_failed, 0, n_failed)), "error_rate")
    assert (reason.health, reason.confirmed) == (health, confirmed)


def test_a_fallback_share_of_more_than_half_is_critical() -> None:
    assert find(replace(GOOD, recent=requests(40, 60)), "fallback").health is Health.CRITICAL
    assert find(replace(GOOD, recent=requests(80, 20)), "fallback").health is Health.WARNING


def test_scores_that_collapsed_to_one_value_are_critical() -> None:
    collapsed = replace(GOOD, spread=Spread(n_distinct=50, share=0.95, score=61.0))
    assert judge(collapsed).health is Health.CRITICAL
    assert find(collapsed, "collapsed").health is Health.CRITICAL
    varied = replace(GOOD, spread=Spread(n_distinct=50, share=0.94, score=61.0))
    assert judge(varied).health is Health.HEALTHY


@pytest.mark.parametrize("spread", [None, Spread(n_distinct=49, share=1.0, score=61.0)])
def test_few_different_requests_say_nothing_about_a_collapse(spread: Spread | None) -> None:
    report = judge(replace(GOOD, spread=spread))
    assert report.health is Health.HEALTHY
    assert report.find_reason("collapsed") is None


def test_a_model_that_is_surely_worse_than_a_constant_warns() -> None:
    worse = replace(GOOD, labelled=labels(290, 300, skill=-0.3))
    assert judge(worse).health is Health.WARNING
    assert find(worse, "skill").health is Health.WARNING
    unsure = replace(GOOD, labelled=labels(290, 300, skill=-0.05))
    assert judge(unsure).health is Health.HEALTHY


def test_a_worker_that_stopped_or_never_ran_is_a_reason() -> None:
    stopped = Worker(False, NOON - timedelta(hours=2), 12, NOON - timedelta(hours=2))
    report = judge(replace(GOOD, worker=stopped))
    assert report.health is Health.WARNING
    assert report.reasons[0].code == "worker"
    never = replace(GOOD, champion=None, worker=Worker(False, None, 0, None))
    assert [reason.code for reason in judge(never).reasons] == ["deployment", "worker"]


@pytest.mark.parametrize(
    ("minutes", "health"), [(1, Health.HEALTHY), (2, Health.HEALTHY), (3, Health.UNKNOWN)]
)
def test_requests_that_wait_long_to_be_counted_leave_the_status_unknown(
    minutes: int, health: Health
) -> None:
    """However many: thousands a second are counted within seconds."""
    since = NOON - timedelta(minutes=minutes)
    report = judge(replace(GOOD, worker=Worker(True, NOON, 10_000, NOON, since)))
    assert report.health is health
    assert (report.find_reason("measuring") is None) == (health is Health.HEALTHY)
    assert judge(replace(GOOD, worker=None)).health is Health.HEALTHY


def test_the_worst_check_comes_first_and_decides() -> None:
    report = judge(replace(GOOD, recent=requests(380, 0, 20, ms=120.0), labelled=labels(150, 300)))
    assert report.health is Health.CRITICAL
    assert [reason.health for reason in report.reasons[:3]] == [
        Health.CRITICAL,
        Health.WARNING,
        Health.WARNING,
    ]


@given(st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.5))
def test_judging_is_symmetric(value: float, below: float, above: float) -> None:
    low_is_bad = judge_level(
        Interval(value, value - below, value + above), 0.8, 0.7, low_is_bad=True
    )
    mirrored = Interval(-value, -(value + above), -(value - below))
    assert low_is_bad == judge_level(mirrored, -0.8, -0.7)


@given(st.integers(1, 500), st.integers(0, 500))
def test_more_failures_are_never_healthier(n: int, n_failed: int) -> None:
    rank = [Health.HEALTHY, Health.WARNING, Health.CRITICAL]
    n_failed = min(n_failed, n - 1)
    better, worse = (judge_level(wilson(k, n), 0.01, 0.05)[0] for k in (n_failed, n_failed + 1))
    assert rank.index(better) <= rank.index(worse)


def test_other_figures_are_no_change_of_the_report() -> None:
    report = judge(GOOD)
    same = judge(replace(GOOD, labelled=labels(271, 300)))
    assert report.reasons != same.reasons
    assert not has_changed(report, same)
    assert has_changed(report, judge(replace(GOOD, labelled=labels(210, 300))))
    assert has_changed(None, report)


def delivered(released_accuracy: float, ratio: float = 1.0) -> LiveError:
    estimate = Estimate(4.0, 3.5, 4.5)
    accuracy = Estimate(released_accuracy, released_accuracy - 0.02, released_accuracy + 0.02)
    promised = Metrics(estimate, estimate, None, accuracy, None)
    around = Interval(ratio, 0.9 * ratio, 1.1 * ratio)
    growth = ErrorGrowth(around, surely=around.low, lasts=around.low)
    return LiveError(3, promised, 300, timedelta(days=7), 4.0 * ratio, growth)


def test_a_kept_promise_is_healthy_below_the_thresholds_that_the_release_was_below() -> None:
    facts = replace(GOOD, labelled=labels(90, 300), delivered=delivered(0.31))
    assert judge(facts).health is Health.HEALTHY
    assert find(facts, "accuracy").health is Health.HEALTHY


def test_a_fall_below_the_thresholds_is_told_although_the_promise_is_kept() -> None:
    facts = replace(GOOD, labelled=labels(90, 300), delivered=delivered(0.95))
    assert find(facts, "error_growth").health is Health.HEALTHY
    assert find(facts, "accuracy").health is Health.CRITICAL


def test_a_broken_promise_is_critical_whatever_the_accuracy() -> None:
    facts = replace(GOOD, delivered=delivered(0.9, ratio=1.6))
    assert judge(facts).health is Health.CRITICAL
    assert find(facts, "error_growth").confirmed


def test_without_labels_enough_for_the_accuracy_the_promise_alone_is_judged() -> None:
    report = judge(replace(GOOD, labelled=labels(5, 12), delivered=delivered(0.9)))
    assert report.health is Health.HEALTHY
    assert report.find_reason("accuracy") is None


@pytest.mark.parametrize(
    ("ms", "before", "health"),
    [
        (97.0, frozenset(), Health.HEALTHY),
        (97.0, frozenset({"latency"}), Health.WARNING),
        (85.0, frozenset({"latency"}), Health.HEALTHY),
    ],
)
def test_what_was_not_well_is_well_again_only_clearly_below_its_threshold(
    ms: float, before: frozenset[str], health: Health
) -> None:
    reason = find(replace(GOOD, recent=requests(ms=ms), bad_before=before), "latency")
    assert reason.health is health
    assert reason.confirmed is (health is Health.HEALTHY)  # it opens no incident, and ends none


@pytest.mark.parametrize(("n_hits", "health"), [(243, Health.WARNING), (250, Health.HEALTHY)])
def test_an_accuracy_that_was_too_low_has_to_rise_clearly_above_its_threshold(
    n_hits: int, health: Health
) -> None:
    facts = replace(GOOD, labelled=labels(n_hits, 300), bad_before=frozenset({"accuracy"}))
    assert find(facts, "accuracy").health is health


# --- Kinds of requests, and whose mistake it is ---------------------------------------------


def test_batches_do_not_hide_slow_and_failing_single_callers() -> None:
    """Twenty batches of a thousand rows beside 300 singles at 400 ms, a third of them without an
    answer: each kind is judged for itself."""
    batches = of_kind(20, ms=30.0, route=Route.BATCH)
    facts = replace(GOOD, recent=(*requests(200, 0, 100, ms=400.0), batches))
    assert find(facts, "latency").health is Health.CRITICAL
    assert find(facts, "error_rate").health is Health.CRITICAL
    assert "33.3 % of the requests got no answer" in find(facts, "error_rate").message


def test_slow_batches_are_judged_by_their_own_limits() -> None:
    calm = replace(GOOD, recent=(*requests(), of_kind(100, ms=1_500.0, route=Route.BATCH)))
    assert find(calm, "latency").health is Health.HEALTHY
    slow = replace(GOOD, recent=(*requests(), of_kind(100, ms=6_000.0, route=Route.BATCH)))
    reason = find(slow, "latency")
    assert reason.health is Health.CRITICAL
    assert "100 batches over 1 hour" in reason.message


@pytest.mark.parametrize(("n_refused", "health"), [(5, Health.HEALTHY), (190, Health.WARNING)])
def test_the_mistakes_of_callers_warn_and_are_no_failures(n_refused: int, health: Health) -> None:
    facts = replace(GOOD, recent=requests(300, n_refused=n_refused))
    assert find(facts, "refused").health is health
    assert find(facts, "error_rate").health is Health.HEALTHY
    assert find(facts, "fallback").health is Health.HEALTHY


def test_only_refusals_are_no_failure_and_no_latency() -> None:
    report = judge(replace(GOOD, recent=requests(0, n_refused=100)))
    codes = {reason.code for reason in report.reasons}
    assert "refused" in codes
    assert codes.isdisjoint({"error_rate", "fallback", "latency"})


def test_what_the_version_cannot_read_counts_as_not_answered_by_the_model() -> None:
    """A release that reads what nobody sends is no mistake of its callers."""
    facts = replace(GOOD, recent=requests(40, n_unreadable=60))
    reason = find(facts, "fallback")
    assert reason.health is Health.CRITICAL
    assert "60 of them for want of any feature that it reads" in reason.message
    assert find(facts, "error_rate").health is Health.HEALTHY


def test_health_says_whose_calls_were_refused_and_why() -> None:
    mistakes = (
        Unanswered(NOON, "single", AnswerSource.REFUSED, "unknown_key", "10.0.0.7", 31),
        Unanswered(NOON, "single", AnswerSource.REFUSED, "invalid", "key 3", 1),
    )
    recent = replace(of_kind(300, n_refused=32), refusals=mistakes)
    message = find(replace(GOOD, recent=(recent,)), "refused").message
    assert "31 calls of 10.0.0.7 were refused for want of a valid key." in message
    assert "1 call of key 3 was refused for a body that is not what the API takes." in message


def test_failures_alone_are_judged_although_none_has_a_latency() -> None:
    failed = Recent(Counts(n_failed=400), {}, timedelta(minutes=15))
    report = judge(replace(GOOD, recent=(failed,)))
    assert report.health is Health.CRITICAL
    assert report.find_reason("latency") is None
