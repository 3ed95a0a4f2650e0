"""What a trial says, and what it does next."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.deployment.pair_accumulator import fold_pairs
from core.deployment.ramp import StepKind, check_guardrails, check_share, choose_next, parse_percent
from core.deployment.trial import check_name, find_trial, read_settings
from core.deployment.verdict import TrialReport, judge_trial
from core.domain.deployment import Action, Deployment, Plan
from core.domain.trial import (
    Conduct,
    FrozenVerdict,
    Pair,
    PairSums,
    RampStep,
    Ratings,
    TrafficSplit,
    Trial,
    TrialSettings,
    TrialVerdict,
)
from core.errors import InvalidInput
from core.stats.sequential import find_crossing
from tests.stats.whole_sequences import follow_mean

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = START + timedelta(days=30)
GOOD = Conduct(n_requests=500, n_scores=500, n_distinct=400, n_champion_distinct=400, n_labels=80)


def make_trial(traffic: float = 0.1, **settings: object) -> Trial:
    kept = TrialSettings(**settings)  # type: ignore[arg-type]
    step = RampStep(2, START, traffic)
    return Trial(2, "shorter", 1, 2, START, "ada", "to see", kept, (step,))


def make_pairs(differences: Sequence[float], unit_id: str | None = None) -> list[Pair]:
    """A pair a minute whose challenger's error is smaller by each difference."""
    return [
        Pair(START + timedelta(minutes=i), unit_id, 50.0 + 10.0, 50.0 + 10.0 - d, 50.0)
        for i, d in enumerate(differences)
    ]


def judge(
    trial: Trial,
    pairs: Sequence[Pair],
    splits: Sequence[TrafficSplit],
    labelled_splits: Sequence[TrafficSplit],
    now: datetime,
    frozen: FrozenVerdict | None = None,
) -> TrialReport:
    """All pairs at once."""
    sums = fold_pairs(PairSums(), pairs, trial.settings, now)
    return judge_trial(trial, sums, splits, labelled_splits, now, frozen)


def draw(mean: float, n: int, deviation: float = 1.0, seed: int = 4) -> list[float]:
    return np.random.default_rng(seed).normal(mean, deviation, n).tolist()


@pytest.mark.parametrize("traffic", [0.0, 1.01, math.nan, math.inf, -0.1, 0.15])
def test_only_the_shares_of_a_ramp_are_taken(traffic: float) -> None:
    with pytest.raises(InvalidInput, match="10, 20, 50 or 100 percent"):
        check_share(traffic)


@pytest.mark.parametrize("text", ["0", "101", "abc", "NaN", "", "10 20", "-10", "1e999"])
def test_a_share_that_is_none_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match="10, 20, 50 or 100 percent"):
        parse_percent(text)


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\nb"])
def test_a_trial_needs_a_name(name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        check_name(name)


def test_no_pair_says_nothing() -> None:
    report = judge(make_trial(), [], (), (), LATER)
    assert report.verdict is TrialVerdict.NOT_YET
    assert (report.n_pairs, report.estimate, report.n_pairs_needed) == (0, None, None)
    assert report.reasons == ("No request that both versions scored has a label yet.",)


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [(1.0, TrialVerdict.BETTER), (-1.0, TrialVerdict.WORSE), (0.0, TrialVerdict.EQUIVALENT)],
)
def test_verdict_is_that_of_the_differences(mean: float, verdict: TrialVerdict) -> None:
    report = judge(make_trial(t_star=500), make_pairs(draw(mean, 600)), (), (), LATER)
    assert report.verdict is verdict
    assert report.decided is not None
    assert "v2" in report.reasons[0]
    assert "v1" in report.reasons[0]


def test_verdict_is_that_of_the_confidence_sequence() -> None:
    """The same numbers as the pure arithmetic gives."""
    d = draw(0.4, 900, 3.0)
    report = judge(make_trial(t_star=500), make_pairs(d), (), (), LATER)
    path = follow_mean(np.array(d), t_star=500)
    crossing = find_crossing(path, 0.3)
    assert report.decided is not None
    assert crossing is not None
    assert report.decided.n == crossing.n
    assert report.estimate is not None
    assert report.estimate.low == pytest.approx(path.low[-1])


def test_undecided_says_how_much_is_missing() -> None:
    trial, pairs = make_trial(), make_pairs(draw(0.5, 200, 8.0))
    report = judge(trial, pairs, (), (), START + timedelta(days=2))
    assert report.verdict is TrialVerdict.NOT_YET
    assert report.n_pairs_needed is not None
    assert report.days_needed is not None
    assert report.days_needed == pytest.approx(report.n_pairs_needed / 100)  # 200 in two days
    assert f"{report.n_pairs_needed:,} more" in report.reasons[0]


def make_units(
    n_singles: int, n_units: int, rows: int = 4, mean: float = 1.0, deviation: float = 3.0
) -> list[Pair]:
    """Pairs without a unit, then `rows` of each unit, all before 21:00 of the first day."""
    singles = make_pairs(draw(mean, n_singles, deviation))
    of_units = make_pairs(draw(mean, n_units * rows, deviation))
    return singles + [
        replace(pair, unit_id=f"repo-{i % n_units}", labelled_at=START + timedelta(hours=9))
        for i, pair in enumerate(of_units)
    ]


EVENING = START + timedelta(hours=9, minutes=30)  # 21:30, so that the day ends in 2.5 h


def test_on_its_first_day_a_trial_of_units_says_that_all_pairs_wait_for_the_day_to_end() -> None:
    report = judge(make_trial(), make_units(0, 400), (), (), EVENING)
    assert (report.n_pairs, report.n_waiting, report.n_differences) == (1_600, 1_600, 0)
    assert (report.n_pairs_needed, report.days_needed) == (None, None)
    assert report.reasons == (
        "Not decided yet: 1,600 of 1,600 labelled pairs wait for the end of their day, at "
        "2026-03-03 00:00 UTC: a unit's day counts once.",
    )


def test_pairs_that_wait_for_the_end_of_their_day_may_be_enough() -> None:
    report = judge(make_trial(), make_units(10, 401, deviation=1.0), (), (), EVENING)
    assert report.verdict is TrialVerdict.NOT_YET
    assert (report.n_pairs, report.n_waiting, report.n_differences) == (1_614, 1_604, 10)
    assert report.n_pairs_needed == 0
    assert report.days_needed == pytest.approx(2.5 / 24)
    assert report.reasons == (
        "Not decided yet: 1,604 of 1,614 labelled pairs wait for the end of their day, at "
        "2026-03-03 00:00 UTC: a unit's day counts once, and these may be enough.",
    )


def test_pairs_that_wait_and_are_too_few_are_taken_off_what_is_still_needed() -> None:
    trial = make_trial()
    few = judge(trial, make_units(60, 5, mean=0.0), (), (), EVENING)
    none = judge(trial, make_units(60, 5, mean=0.0)[:60], (), (), EVENING)
    assert few.n_pairs_needed is not None
    assert few.days_needed is not None
    assert none.n_pairs_needed is not None
    # the same comparisons are needed: 5 of them come at midnight, at 80 pairs for 65 comparisons
    assert few.n_pairs_needed == math.ceil((none.n_pairs_needed - 5) * 80 / 65)
    assert few.days_needed == pytest.approx((none.n_pairs_needed - 5) * (9.5 / 24) / 65)
    assert "; 20 of 80 labelled pairs wait for the end of their day" in few.reasons[0]


def test_what_is_needed_is_never_less_than_one_comparison() -> None:
    """Fifty equal differences would decide it, and have not: one more will."""
    report = judge(make_trial(), make_pairs([1.0] * 49), (), (), EVENING)
    assert report.verdict is TrialVerdict.NOT_YET
    assert report.n_pairs_needed == 1
    assert "about 1 more, or" in report.reasons[0]


def test_after_the_day_has_ended_nothing_waits() -> None:
    report = judge(make_trial(), make_units(10, 401), (), (), START + timedelta(hours=12))
    assert (report.n_waiting, report.waiting_until_at) == (0, None)
    assert "wait" not in report.reasons[0]


def test_looking_again_does_not_change_a_verdict() -> None:
    """However bad it gets after the first crossing."""
    trial, good = make_trial(t_star=500), draw(2.0, 300)
    first = judge(trial, make_pairs(good), (), (), LATER)
    again = judge(trial, make_pairs(good + draw(-9.0, 5)), (), (), LATER)
    assert (first.verdict, first.decided) == (again.verdict, again.decided)


def test_a_frozen_verdict_outlives_a_corrected_label() -> None:
    frozen = FrozenVerdict(2, START, TrialVerdict.BETTER, 60, 1.0, 0.5, 1.5)
    pairs = make_pairs(draw(0.0, 40))
    report = judge(make_trial(), pairs, (), (), LATER, frozen)
    assert report.verdict is TrialVerdict.BETTER
    assert report.decided is not None
    assert (report.decided.low, report.decided.n) == (0.5, 60)


def test_rows_of_a_units_day_count_once_and_when_it_is_over() -> None:
    trial, pairs = make_trial(), make_pairs(draw(1.0, 100), unit_id="repo-1")
    before = judge(trial, pairs, (), (), START + timedelta(hours=11))
    after = judge(trial, pairs, (), (), START + timedelta(hours=12))
    assert (before.n_pairs, before.n_waiting, before.n_differences) == (100, 100, 0)
    assert (after.n_pairs, after.n_waiting, after.n_differences) == (100, 0, 1)


def test_units_make_echoing_rows_valid() -> None:
    """The same differences, in stretches of 5: invalid as rows, a verdict as units."""
    rng = np.random.default_rng(1)
    level = np.repeat(rng.normal(0.8, 1.0, 400), 5)
    d = (level + rng.normal(0.0, 0.5, len(level))).tolist()
    rows = make_pairs(d)
    units = [replace(pair, unit_id=f"repo-{i // 5}") for i, pair in enumerate(rows)]
    trial = make_trial(t_star=400)
    as_rows = judge(trial, rows, (), (), LATER)
    as_units = judge(trial, units, (), (), LATER)
    assert as_rows.verdict is TrialVerdict.INVALID
    assert "unit_id" in as_rows.reasons[0]
    assert as_units.verdict is TrialVerdict.BETTER
    assert as_units.n_differences >= 400


@pytest.mark.slow
def test_most_false_verdicts_on_echoing_rows_are_called_invalid() -> None:
    """Errors that are each AR(1) of 0.5, not averaged: 12 % of trials would end with a false
    verdict, and 2 % do. Rows that do not echo are called invalid in less than 1 %."""
    rng = np.random.default_rng(1)
    common, own = rng.standard_normal((2, 200, 2_500))
    for i in range(1, 2_500):
        for series in (common, own):
            series[:, i] = 0.5 * series[:, i - 1] + math.sqrt(0.75) * series[:, i]
    calm = rng.standard_normal((2, 200, 2_500))
    trial = make_trial(margin=0.0)

    def share(verdicts: set[TrialVerdict], a: np.ndarray, b: np.ndarray) -> float:
        rows = np.abs(a) - np.abs(0.9 * a + math.sqrt(0.19) * b)
        reports = (judge(trial, make_pairs(row.tolist()), (), (), LATER) for row in rows)
        return sum(report.verdict in verdicts for report in reports) / len(rows)

    assert share({TrialVerdict.BETTER, TrialVerdict.WORSE}, common, own) <= 0.04
    assert share({TrialVerdict.INVALID}, *calm) <= 0.01


def test_a_split_unlike_the_plan_makes_it_invalid() -> None:
    pairs = make_pairs(draw(1.0, 600))
    report = judge(make_trial(), pairs, [TrafficSplit(0.1, 7_000, 1_000)], (), LATER)
    assert report.verdict is TrialVerdict.INVALID
    assert "has 1,000 of 8,000 and 800 were planned" in report.reasons[0]


def test_labels_that_prefer_a_version_make_it_invalid() -> None:
    pairs = make_pairs(draw(1.0, 600))
    report = judge(
        make_trial(), pairs, [TrafficSplit(0.1, 7_200, 800)], [TrafficSplit(0.1, 300, 300)], LATER
    )
    assert report.verdict is TrialVerdict.INVALID
    assert "labelled" in report.reasons[0]


def test_evidence_of_a_wrong_split_adds_up_over_the_steps() -> None:
    steps = [TrafficSplit(0.1, 1_750, 250), TrafficSplit(0.2, 1_540, 460)]
    pairs = make_pairs(draw(1.0, 600))
    for step in steps:
        assert judge(make_trial(), pairs, [step], (), LATER).verdict is TrialVerdict.BETTER
    assert judge(make_trial(), pairs, steps, (), LATER).verdict is TrialVerdict.INVALID


def test_a_challenger_that_answers_everything_has_no_split_to_check() -> None:
    pairs = make_pairs(draw(1.0, 600))
    report = judge(make_trial(1.0), pairs, [TrafficSplit(1.0, 0, 900)], (), LATER)
    assert report.verdict is TrialVerdict.BETTER


def test_within_tolerance_is_a_verdict_of_its_own() -> None:
    """Much smaller errors, but never within the tolerance: the error decides, the share cannot."""
    pairs = [replace(pair, champion=80.0, challenger=70.0) for pair in make_pairs([0.0] * 60)]
    hits = [replace(pair, challenger=52.0) for pair in pairs]
    assert judge(make_trial(), pairs, (), (), LATER).within is TrialVerdict.NOT_YET
    assert judge(make_trial(), hits, (), (), LATER).within is TrialVerdict.BETTER


def test_the_series_is_short_and_ends_at_the_estimate() -> None:
    report = judge(make_trial(), make_pairs(draw(0.2, 3_000, 9.0)), (), (), LATER)
    assert len(report.series) <= 200
    assert report.estimate is not None
    assert (report.series[0].n, report.series[-1].n) == (50, 3_000)
    assert report.series[-1].low == report.estimate.low


def report_of(verdict: TrialVerdict) -> object:
    empty = judge(make_trial(), [], (), (), LATER)
    return replace(empty, verdict=verdict, reasons=("because",))


@pytest.mark.parametrize(("at", "following"), [(0.1, 0.2), (0.2, 0.5), (0.5, 1.0)])
def test_a_step_whose_minimums_are_met_goes_on(at: float, following: float) -> None:
    step = choose_next(make_trial(at), report_of(TrialVerdict.NOT_YET), GOOD, LATER)  # type: ignore[arg-type]
    assert (step.kind, step.traffic) == (StepKind.WIDEN, following)


@pytest.mark.parametrize(
    ("conduct", "now"),
    [
        (Conduct(), LATER),
        (replace(GOOD, n_requests=99), LATER),
        (replace(GOOD, n_labels=29), LATER),
        (GOOD, START + timedelta(hours=23)),
        (GOOD, START - timedelta(hours=1)),
    ],
    ids=["no data", "few requests", "few labels", "too early", "a clock that jumped back"],
)
def test_a_step_holds_and_says_what_is_missing(conduct: Conduct, now: datetime) -> None:
    step = choose_next(make_trial(), report_of(TrialVerdict.NOT_YET), conduct, now)  # type: ignore[arg-type]
    assert (step.kind, step.traffic) == (StepKind.HOLD, 0.1)
    assert step.reasons


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_slow": 100}, "slower than 200 ms"),
        ({"n_failed": 100}, "failed"),
        ({"n_fallback": 400}, "heuristic"),
        ({"n_challenger_shadow": 900, "n_challenger_shadow_failed": 890}, "heuristic"),
        ({"n_distinct": 1}, "same score"),
    ],
)
def test_a_violated_guardrail_stops_the_trial_and_says_which(
    change: dict[str, int], said: str
) -> None:
    """Even where the challenger is more accurate."""
    conduct = replace(GOOD, **change)  # type: ignore[arg-type]
    step = choose_next(make_trial(), report_of(TrialVerdict.BETTER), conduct, LATER)  # type: ignore[arg-type]
    assert (step.kind, step.traffic) == (StepKind.STOP, 0.0)
    assert said in step.reasons[0]


def test_one_bad_request_violates_nothing() -> None:
    conduct = Conduct(n_requests=1, n_failed=1, n_slow=1, n_fallback=1)
    assert check_guardrails(make_trial(), conduct) == ()


def test_scores_that_should_be_equal_are_no_collapse() -> None:
    assert check_guardrails(make_trial(), replace(GOOD, n_distinct=1, n_champion_distinct=1)) == ()


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (TrialVerdict.BETTER, StepKind.PROMOTE),
        (TrialVerdict.WORSE, StepKind.STOP),
        (TrialVerdict.EQUIVALENT, StepKind.HOLD),
        (TrialVerdict.INVALID, StepKind.HOLD),
    ],
)
def test_a_verdict_decides_where_the_settings_let_it(verdict: TrialVerdict, kind: StepKind) -> None:
    trial = make_trial(auto_promote=True)
    assert choose_next(trial, report_of(verdict), GOOD, LATER).kind is kind  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", [TrialVerdict.WORSE, TrialVerdict.NOT_YET])
def test_what_is_switched_off_waits_for_a_person(verdict: TrialVerdict) -> None:
    trial = make_trial(auto_stop=False, auto_ramp=False)
    step = choose_next(trial, report_of(verdict), GOOD, LATER)  # type: ignore[arg-type]
    assert (step.kind, step.traffic) == (StepKind.HOLD, 0.1)


def test_a_better_challenger_widens_until_a_person_promotes_it() -> None:
    trial = make_trial(auto_promote=False)
    step = choose_next(trial, report_of(TrialVerdict.BETTER), GOOD, LATER)  # type: ignore[arg-type]
    assert step.kind is StepKind.WIDEN


def test_a_better_challenger_that_hardly_answered_is_not_promoted_yet() -> None:
    conduct = replace(GOOD, n_requests=99)
    step = choose_next(make_trial(), report_of(TrialVerdict.BETTER), conduct, LATER)  # type: ignore[arg-type]
    assert step.kind is StepKind.HOLD


def row(revision: int, action: Action, plan: Plan, **evidence: object) -> Deployment:
    at = START + timedelta(hours=revision)
    return Deployment(revision, at, "ada", action, "to see", plan, False, evidence)


def test_a_trial_is_found_with_its_steps_and_the_settings_of_its_start() -> None:
    start = Plan(1, 2, 0.1, "shorter", "salt")
    history = [
        row(1, Action.DEPLOY, Plan(1)),
        row(2, Action.START_TRIAL, start, trial={"margin": 0.7, "of_a_later_program": 1}),
        row(3, Action.RAMP, replace(start, traffic=0.2), trial={"margin": 9.0}),
    ]
    trial = find_trial(history)
    assert trial is not None
    assert (trial.revision, trial.name, trial.champion, trial.challenger) == (2, "shorter", 1, 2)
    assert [step.traffic for step in trial.steps] == [0.1, 0.2]
    assert trial.settings == TrialSettings(margin=0.7)


@pytest.mark.parametrize("action", [Action.STOP_TRIAL, Action.PROMOTE, Action.ROLLBACK])
def test_a_trial_that_ended_is_not_found(action: Action) -> None:
    history = [
        row(1, Action.START_TRIAL, Plan(1, 2, 0.1, "shorter", "salt")),
        row(2, action, Plan(2)),
    ]
    assert find_trial(history) is None


def test_settings_without_a_trial_are_the_usual_ones() -> None:
    assert read_settings({}) == TrialSettings()


def test_users_who_are_less_content_stop_the_trial() -> None:
    """One rating in two is 0 instead of 1; with 40 ratings nobody can say."""
    content = Ratings(300, 0.9, 0.3)
    conduct = replace(GOOD, champion_ratings=content, challenger_ratings=Ratings(200, 0.5, 0.5))
    step = choose_next(make_trial(), report_of(TrialVerdict.BETTER), conduct, LATER)  # type: ignore[arg-type]
    assert (step.kind, step.traffic) == (StepKind.STOP, 0.0)
    assert "Users rate v2 50.0 % on average of 200 ratings and v1 90.0 % of 300" in step.reasons[0]
    few = replace(conduct, challenger_ratings=Ratings(40, 0.5, 0.5))
    assert check_guardrails(make_trial(), few) == ()


def test_equal_ratings_violate_nothing_in_19_of_20_trials() -> None:
    """Looked at after every 20 ratings of each, 300 times; 0.3 % of 300 trials measured."""
    rng, n_alarms = np.random.default_rng(5), 0
    for _ in range(300):
        ratings = rng.binomial(1, 0.8, (2, 2_000)).astype(float)
        n = np.arange(1, 2_001)
        mean = np.cumsum(ratings, axis=1) / n
        deviation = np.sqrt(mean * (1 - mean))
        n_alarms += any(
            check_guardrails(
                make_trial(),
                Conduct(
                    champion_ratings=Ratings(i + 1, mean[0, i], deviation[0, i]),
                    challenger_ratings=Ratings(i + 1, mean[1, i], deviation[1, i]),
                ),
            )
            for i in range(49, 2_000, 100)
        )
    assert n_alarms <= 15
