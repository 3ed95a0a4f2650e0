"""The last resort: what it scores by, and that it always says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.history import RecentLabels, summarize_recent
from core.serving.fallback import (
    WEIGHTS,
    choose_guess,
    choose_metrics,
    weigh_metrics,
)
from core.settings import Scale

HUNDRED = Scale(0.0, 100.0)
ALL = {
    "codeQuality": 90.0,
    "testCoverage": 70.0,
    "security": 80.0,
    "performance": 60.0,
    "maintainability": 50.0,
    "complexity": 20.0,
}


def test_the_weights_add_up_to_one() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def test_all_six_metrics_are_weighed_and_complexity_counts_the_other_way_round() -> None:
    expected = 0.25 * 90 + 0.2 * 70 + 0.2 * 80 + 0.15 * 60 + 0.15 * 50 + 0.05 * 80
    assert choose_guess(ALL, RecentLabels(), HUNDRED).score == pytest.approx(expected)


def test_less_complexity_is_better() -> None:
    simple = choose_guess({**ALL, "complexity": 0.0}, RecentLabels(), HUNDRED).score
    tangled = choose_guess({**ALL, "complexity": 100.0}, RecentLabels(), HUNDRED).score
    assert simple is not None
    assert tangled is not None
    assert simple - tangled == pytest.approx(5.0)


def test_metrics_that_are_missing_share_out_their_weight() -> None:
    guess = choose_guess({"codeQuality": 80.0, "testCoverage": 60.0}, RecentLabels(), HUNDRED)
    assert guess.score == pytest.approx((0.25 * 80 + 0.2 * 60) / 0.45)
    assert guess.how == "weighted mean of codeQuality, testCoverage"


def test_snake_case_names_are_the_same_metrics() -> None:
    assert choose_metrics({"code_quality": 80, "test_coverage": 60}) == {
        "codeQuality": 80.0,
        "testCoverage": 60.0,
    }


def test_a_metric_of_zero_is_a_value() -> None:
    assert choose_guess({"codeQuality": 0.0}, RecentLabels(), HUNDRED).score == 0.0


@pytest.mark.parametrize("value", [None, "good", -1.0, 100.5, float("nan")])
def test_what_is_no_metric_of_0_to_100_is_left_out(value: float | str | None) -> None:
    assert choose_metrics({"security": value}) == {}


def test_the_score_is_on_the_scale_of_the_settings() -> None:
    assert choose_guess(
        {"codeQuality": 75.0}, RecentLabels(), Scale(1.0, 5.0)
    ).score == pytest.approx(4.0)


def test_without_metrics_the_recent_labels_mean_is_the_score_and_the_count_is_said() -> None:
    guess = choose_guess(
        {"wind": 3.0}, summarize_recent([(60.0, {}), (70.0, {}), (80.0, {})]), HUNDRED
    )
    assert guess.score == 70.0
    assert guess.how == "mean of the newest 3 labels"


def test_one_label_is_said_to_be_one() -> None:
    assert (
        choose_guess({}, summarize_recent([(60.0, {})]), HUNDRED).how == "mean of the newest label"
    )


def test_labels_beyond_a_changed_scale_are_clipped_to_it() -> None:
    assert choose_guess({}, summarize_recent([(60.0, {})]), Scale(1.0, 5.0)).score == 5.0


def test_with_neither_there_is_no_score_and_it_says_what_is_missing() -> None:
    guess = choose_guess({"wind": 3.0}, RecentLabels(), HUNDRED)
    assert guess.score is None
    assert "no base metric (codeQuality, " in guess.how


@given(
    st.dictionaries(st.sampled_from(sorted(WEIGHTS)), st.floats(0, 100), min_size=1),
)
def test_a_weighted_mean_stays_on_its_scale(metrics: dict[str, float]) -> None:
    assert -1e-9 <= weigh_metrics(metrics) <= 100 + 1e-9


def test_a_category_with_enough_labels_goes_before_all_labels_and_the_rarest_counts() -> None:
    rows = [(50.0, {"kind": "code", "language": "go"})] * 10 + [(80.0, {"kind": "code"})] * 30
    recent = summarize_recent([*rows, *([(20.0, {"language": "c"})] * 9)])
    go = choose_guess({"kind": "code", "language": "go"}, recent, HUNDRED)
    assert (go.score, go.how) == (50.0, "mean of the newest 10 labels with language = go")
    code = choose_guess({"kind": "code", "language": "c"}, recent, HUNDRED)
    assert (code.score, code.how) == (72.5, "mean of the newest 40 labels with kind = code")
    other = choose_guess({"language": "c"}, recent, HUNDRED)
    assert other.how == "mean of the newest 49 labels"


def test_a_base_metric_goes_before_a_category() -> None:
    recent = summarize_recent([(50.0, {"language": "go"})] * 10)
    guess = choose_guess({"language": "go", "security": 90.0}, recent, HUNDRED)
    assert guess.how == "weighted mean of security"
