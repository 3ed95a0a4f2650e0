"""The gate passes only what is shown to be better, and says why with numbers."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from core import text
from core.domain.training_report import Estimate, Gate, GateCode, Metrics, NaiveMetrics
from core.errors import Refused
from core.stats.slices import Slice, cut_levels
from core.training.evaluate.champion import find_worse_segments
from core.training.evaluate.gate import (
    FAILED,
    GATE_ALPHA,
    LOWEST_ALPHA,
    NOTE,
    PASSED,
    YEARLY_ALPHA,
    Comparison,
    Doubts,
    Evidence,
    choose_alpha,
    decide_gate,
)
from core.training.evaluate.metrics import choose_blocks, compare_scores
from core.training.evaluate.verdict import summarize_training
from tests.training.worlds import list_failed


def naive(mae: float) -> NaiveMetrics:
    return NaiveMetrics(50.0, mae, mae * 1.2, 0.3)


GOOD = Evidence(
    metrics=Metrics(
        mae=Estimate(4.0, 3.5, 4.5),
        rmse=Estimate(5.0, 4.5, 5.5),
        r2=None,
        accuracy=Estimate(0.7, 0.6, 0.8),
        skill=Estimate(0.5, 0.4, 0.6),
    ),
    naive={"mean": naive(8.2), "median": naive(8.0), "recent_mean": naive(8.1)},
    n_holdout=200,
    n_synthetic=0,
    n_not_finite=0,
    spread=40.0,
    basis="50 days",
    columns=("size", "lang", "other"),
    related=("size",),
    comparison=None,
    synthetic=False,
)
NO_SKILL = replace(GOOD, metrics=replace(GOOD.metrics, skill=Estimate(0.02, -0.05, 0.09)))
NO_ERROR = replace(
    GOOD,
    metrics=replace(GOOD.metrics, skill=None),
    naive={"mean": naive(0.0), "median": naive(0.0)},
)
WORSE_THAN_CONSTANT = replace(GOOD, naive={"mean": naive(3.9), "median": naive(8.0)})
OVERRIDDEN = replace(
    GOOD,
    doubts=Doubts(overridden=("'grade' gives the target away. Overridden by ana: known before",)),
)
BETTER = Comparison(3, Estimate(5.0, 4.5, 5.5), Estimate(1.0, 0.5, 1.5), 0.3, 0.004, n_compared=180)
EQUAL = replace(BETTER, improvement=Estimate(0.1, -0.1, 0.3), lowest=-0.2)
STALE = replace(EQUAL, stale="incident 4 says so", margin=0.3)
WORSE_SEGMENT = replace(
    GOOD,
    comparison=replace(BETTER, n_segments=3, worse=("where 'lang' is go: the MAE is 2.00 larger",)),
)
PARTLY_NEW = replace(
    GOOD, comparison=replace(BETTER, n_left_out=20, doubt="something is not known.")
)


def failures(evidence: Evidence) -> list[str]:
    """The codes of the checks that failed."""
    gate = decide_gate(evidence)
    found = list_failed(gate)
    assert gate.passed == (not found)
    assert all(reason.startswith((FAILED, PASSED, NOTE)) for reason in gate.reasons)
    assert all(reason.endswith(".") for reason in gate.reasons)
    return found


def test_a_good_model_passes_and_keeps_its_reasons() -> None:
    gate = decide_gate(GOOD)
    assert gate.passed
    assert gate.codes == (
        GateCode.LEAKS,
        GateCode.SUSPECTS,
        GateCode.ROWS,
        GateCode.SCORES,
        GateCode.SKILL,
        GateCode.CONSTANT_BASELINE,
        GateCode.PROVENANCE,
        GateCode.NO_CHAMPION,
    )


def test_skill_whose_lower_limit_is_not_above_zero_fails() -> None:
    assert failures(NO_SKILL) == [GateCode.SKILL]
    zero = replace(GOOD, metrics=replace(GOOD.metrics, skill=Estimate(0.1, 0.0, 0.2)))
    assert failures(zero) == [GateCode.SKILL]


def test_a_holdout_where_a_guess_makes_no_error_fails() -> None:
    assert failures(NO_ERROR) == [GateCode.SKILL, GateCode.CONSTANT_BASELINE]


def test_a_model_worse_than_the_best_constant_fails_whatever_beats_the_recent_mean() -> None:
    assert failures(WORSE_THAN_CONSTANT) == [GateCode.CONSTANT_BASELINE]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"n_holdout": 29}, GateCode.ROWS),
        ({"n_not_finite": 2}, GateCode.SCORES),
        ({"spread": 0.0}, GateCode.SCORES),
        ({"n_synthetic": 5}, GateCode.PROVENANCE),
    ],
)
def test_what_cannot_be_judged_fails(change: dict[str, int | float], code: GateCode) -> None:
    assert failures(replace(GOOD, **change)) == [code]  # type: ignore[arg-type]


def test_demo_data_passes_on_its_merits_and_says_what_it_is() -> None:
    demo = replace(GOOD, synthetic=True, n_synthetic=200)
    assert failures(demo) == []
    assert GateCode.SYNTHETIC in decide_gate(demo).codes
    assert summarize_training(demo).startswith("Demo data: Better than")


def test_a_column_that_gives_the_target_away_fails_unless_a_person_overrode_it() -> None:
    leak = "'grade' gives the target away."
    assert failures(replace(GOOD, doubts=Doubts((leak,)))) == [GateCode.LEAKS]
    assert failures(OVERRIDDEN) == []
    assert decide_gate(OVERRIDDEN).codes.count(GateCode.OVERRIDDEN) == 1


def test_a_column_that_may_be_another_rating_fails_and_heads_the_report() -> None:
    asked = replace(NO_SKILL, doubts=Doubts(suspects=("'stars' looks like another rating.",)))
    assert failures(asked) == [GateCode.SUSPECTS, GateCode.SKILL]
    assert summarize_training(asked).startswith("Perhaps too good to be true, because it reads")


def test_of_many_leaks_only_some_are_spelled_out() -> None:
    gate = decide_gate(replace(GOOD, doubts=Doubts([f"'c{i}' is a leak." for i in range(7)])))
    assert gate.reasons[0] == (
        "Failed: 'c0' is a leak. 'c1' is a leak. 'c2' is a leak. 'c3' is a leak. 'c4' is a leak. "
        "And 2 more columns."
    )


def test_a_champion_that_is_out_of_date_need_only_be_met() -> None:
    assert failures(replace(GOOD, comparison=EQUAL)) == [GateCode.CHAMPION]
    assert failures(replace(GOOD, comparison=STALE)) == []
    assert summarize_training(replace(GOOD, comparison=STALE)).endswith(
        ", and no worse than v3, the champion, which is out of date."
    )
    at_the_margin = replace(STALE, lowest=-0.3)
    assert failures(replace(GOOD, comparison=at_the_margin)) == [GateCode.CHAMPION]
    assert failures(replace(NO_SKILL, comparison=STALE)) == [GateCode.SKILL]


def test_a_champion_has_to_be_beaten() -> None:
    assert failures(replace(GOOD, comparison=BETTER)) == []
    nearly = replace(BETTER, improvement=Estimate(1.0, 0.1, 1.9), lowest=-0.1)
    assert failures(replace(GOOD, comparison=nearly)) == [GateCode.CHAMPION]


def test_a_segment_that_became_worse_fails_and_one_that_did_not_passes() -> None:
    assert failures(WORSE_SEGMENT) == [GateCode.SEGMENTS]
    same = replace(GOOD, comparison=replace(BETTER, n_segments=3))
    assert failures(same) == []
    assert GateCode.SEGMENTS in decide_gate(same).codes


def test_a_champion_that_cannot_be_compared_fails() -> None:
    lost = Comparison(3, problem="it cannot be scored (the artifact is gone.)")
    assert failures(replace(GOOD, comparison=lost)) == [GateCode.CHAMPION]


def test_rows_that_the_champion_has_trained_on_are_mentioned() -> None:
    assert decide_gate(PARTLY_NEW).codes[-2:] == (GateCode.ROWS_LEFT_OUT, GateCode.DOUBT)


def test_failed_reasons_come_first() -> None:
    kinds = [reason.split(":")[0] for reason in decide_gate(replace(NO_SKILL, n_holdout=9)).reasons]
    assert kinds == sorted(kinds, key=["Failed", "Passed", "Note"].index)


def test_a_gate_of_an_older_program_has_no_codes_and_is_read_all_the_same() -> None:
    old = msgspec.to_builtins(decide_gate(GOOD))
    assert msgspec.convert(old, Gate) == decide_gate(GOOD)
    del old["codes"]
    assert msgspec.convert(old, Gate) == replace(decide_gate(GOOD), codes=())


def test_the_summary_says_in_one_sentence_how_much_better() -> None:
    assert summarize_training(GOOD) == (
        "Better than always guessing the median: MAE 4.00 against 8.00 points on 200 held-out "
        "rows, skill 50.0 % (95 % interval by days 40.0–60.0 %)."
    )
    beside = summarize_training(replace(GOOD, comparison=BETTER))
    assert beside.endswith(", and better than v3, the champion.")
    equal = replace(BETTER, improvement=Estimate(0.1, -0.2, 0.4), lowest=-0.3)
    assert summarize_training(replace(GOOD, comparison=equal)).endswith(
        ", but not shown to be better than v3, the champion."
    )


def test_the_summary_says_in_one_sentence_that_the_columns_say_nothing() -> None:
    assert summarize_training(replace(NO_SKILL, related=())) == (
        "Not shown to be better than always guessing the median (MAE 4.00 against 8.00, skill "
        "2.0 %, 95 % interval by days −5.0 to 9.0 %): none of the 3 columns says anything about "
        "the target by itself (at the 1 % level)."
    )
    assert "the only column says nothing" in summarize_training(
        replace(NO_SKILL, related=(), columns=("size",))
    )
    assert summarize_training(NO_SKILL).startswith("Not shown to be better than always guessing")


def test_many_names_are_cut() -> None:
    assert text.names([f"c{i}" for i in range(1000)]).endswith("c19 and 980 more")


def test_half_a_year_of_weekly_gates_spends_at_most_a_tenth() -> None:
    spent = 0.0
    for _ in range(26):
        spent += choose_alpha(spent)
    assert spent == pytest.approx(26 * GATE_ALPHA)
    assert spent <= 0.1 + 1e-12


def test_gates_without_end_never_spend_more_than_the_year_has() -> None:
    spent, n = 0.0, 0
    while (YEARLY_ALPHA - spent) / 10 >= LOWEST_ALPHA:
        alpha = choose_alpha(spent)
        assert alpha >= LOWEST_ALPHA
        spent, n = spent + alpha, n + 1
    assert spent < YEARLY_ALPHA
    assert n > 60
    with pytest.raises(Refused, match="chance of a false promotion that a year has"):
        choose_alpha(spent)


@pytest.mark.slow
def test_26_retrainings_of_an_equal_model_promote_0_1_of_them_at_most() -> None:
    rng = np.random.default_rng(7)
    n_worlds, promoted, by_point = 60, 0, 0
    day = np.repeat(np.arange(60), 4)
    blocks = choose_blocks(day * 86_400.0, None, 240)
    lang = rng.integers(0, 3, 240)
    segments = cut_levels("lang", [str(level) for level in lang])
    for _ in range(n_worlds):
        spent = 0.0
        for _ in range(26):
            alpha = choose_alpha(spent)
            actual, shared = rng.uniform(20, 80, 240), rng.normal(0, 5, 240)
            old, new = (actual + 0.95 * shared + 0.31 * rng.normal(0, 5, 240) for _ in range(2))
            mae, improvement, lowest = compare_scores(actual, old, new, blocks=blocks, alpha=alpha)
            assert improvement is not None
            worse = find_worse_segments(
                segments, np.abs(actual - new) - np.abs(actual - old), blocks
            )
            comparison = Comparison(
                1, mae, improvement, lowest, alpha, worse, len(segments), n_compared=240
            )
            promoted += decide_gate(replace(GOOD, comparison=comparison)).passed
            by_point += improvement.value > 0
            spent += alpha
    print(f"promotions in 26 retrainings: {promoted / n_worlds}, by points {by_point / n_worlds}")
    assert promoted / n_worlds <= 0.1 + 2 * (0.1 / n_worlds) ** 0.5  # two standard errors
    assert by_point / n_worlds > 10  # what a comparison of point estimates would do


@pytest.mark.slow
def test_ten_days_promote_an_equal_model_no_more_often_than_many() -> None:
    rng = np.random.default_rng(9)
    n, n_gates, promoted = 240, 800, 0
    blocks = choose_blocks(np.repeat(np.arange(10), 24) * 86_400.0, None, n)
    for _ in range(n_gates):
        actual, shared = rng.uniform(20, 80, n), rng.normal(0, 5, n)
        old, new = (actual + 0.95 * shared + 0.31 * rng.normal(0, 5, n) for _ in range(2))
        lowest = compare_scores(actual, old, new, blocks=blocks, alpha=GATE_ALPHA)[2]
        assert lowest is not None
        promoted += lowest > 0
    print(f"an equal model is promoted in {promoted} of {n_gates} gates")
    assert promoted / n_gates <= GATE_ALPHA + 2 * (GATE_ALPHA / n_gates) ** 0.5


@pytest.mark.slow
def test_a_segment_that_is_not_worse_is_called_worse_in_one_gate_of_twenty_at_most() -> None:
    rng = np.random.default_rng(8)
    blocks = choose_blocks(None, None, 400)
    segments = [Slice(str(i), f"{i} = x", rng.random(400) < 0.3) for i in range(10)]
    found = [bool(find_worse_segments(segments, rng.normal(size=400), blocks)) for _ in range(2000)]
    assert np.mean(found) <= 0.05 + 2 * (0.05 * 0.95 / 2000) ** 0.5
