"""Figures of picking are those of their definitions; a picker that knows nothing gets nothing."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau

from core.stats.picks import MOST_CANDIDATES, PickFigures, measure_picks

N_GROUPS = 60
RNG = np.random.default_rng(3)
GROUP = np.repeat(np.arange(N_GROUPS), RNG.integers(2, 6, N_GROUPS))
TRUTH = RNG.integers(1, 6, len(GROUP)).astype(np.float64)  # ratings, with ties
SCORE = TRUTH + RNG.normal(0, 2, len(GROUP)).round()


def values(found: PickFigures) -> list[float]:
    figures = (found.pair_accuracy, found.tau, found.regret, found.gap_recovered)
    return [figure.value for figure in figures if figure is not None]


def test_each_figure_is_what_its_definition_says() -> None:
    found = measure_picks(TRUTH, SCORE, GROUP, {})
    groups = [(TRUTH[rows], SCORE[rows]) for rows in (np.equal(GROUP, g) for g in range(N_GROUPS))]
    pairs = [
        0.5 if s[i] == s[j] else float((s[i] > s[j]) == (t[i] > t[j]))
        for t, s in groups
        for i, j in combinations(range(len(t)), 2)
        if t[i] != t[j]
    ]
    taus = [kendalltau(t, s).statistic for t, s in groups]
    picked = np.array([t[s == s.max()].mean() for t, s in groups])
    best = np.array([t.max() for t, _ in groups])
    mean = np.array([t.mean() for t, _ in groups])
    assert values(found) == pytest.approx(
        [
            np.mean(pairs),
            np.nanmean(taus),
            np.mean(best - picked),
            (picked - mean).sum() / (best - mean).sum(),
        ]
    )
    assert (found.n_groups, found.n_pairs) == (N_GROUPS, len(pairs))


@pytest.mark.parametrize("score", [np.zeros(len(GROUP)), GROUP * 7.0], ids=["constant", "group"])
def test_scores_that_cannot_tell_candidates_apart_recover_nothing(
    score: NDArray[np.float64],
) -> None:
    found = measure_picks(TRUTH, score, GROUP, {})
    assert found.pair_accuracy is not None
    assert found.gap_recovered is not None
    assert found.pair_accuracy.value == 0.5
    assert found.gap_recovered.value == pytest.approx(0.0, abs=1e-12)
    assert found.tau is None


def test_the_truth_recovers_everything_and_its_opposite_less_than_chance() -> None:
    right, wrong = measure_picks(TRUTH, TRUTH, GROUP, {}), measure_picks(TRUTH, -TRUTH, GROUP, {})
    assert right.regret is not None
    assert right.regret.value == 0.0
    assert right.gap_recovered is not None
    assert right.gap_recovered.value == 1.0
    assert wrong.gap_recovered is not None
    assert wrong.gap_recovered.value < 0


def test_the_advantage_is_over_the_best_naive_picker_and_over_chance_at_least() -> None:
    alone = measure_picks(TRUTH, SCORE, GROUP, {})
    beside = measure_picks(TRUTH, SCORE, GROUP, {"bad": -TRUTH, "good": TRUTH})
    assert alone.gap_recovered is not None
    assert alone.advantage is not None
    assert beside.advantage is not None
    assert alone.advantage.value == alone.gap_recovered.value
    assert beside.advantage.value == pytest.approx(alone.gap_recovered.value - 1.0)


def test_single_rows_and_crowds_are_no_choice() -> None:
    sizes = (1, 1, MOST_CANDIDATES + 1, 2, 3)
    group = np.repeat(np.arange(len(sizes)), sizes)
    truth = np.arange(len(group), dtype=np.float64)
    assert measure_picks(truth, truth, group, {}).n_groups == 2


@pytest.mark.parametrize("truth", [np.ones(4), np.array([1.0, 1.0, 2.0, 2.0])])
def test_groups_of_equal_candidates_have_no_gap(truth: NDArray[np.float64]) -> None:
    found = measure_picks(truth, np.arange(4.0), np.array([0, 0, 1, 1]), {})
    assert (found.pair_accuracy, found.gap_recovered, found.advantage) == (None, None, None)
    assert found.regret is not None
    assert found.regret.value == 0.0


def test_rows_in_another_order_give_the_same_figures() -> None:
    order = np.random.default_rng(0).permutation(len(GROUP))
    shuffled = measure_picks(TRUTH[order], SCORE[order], GROUP[order], {})
    assert values(shuffled) == pytest.approx(values(measure_picks(TRUTH, SCORE, GROUP, {})))


def test_no_group_that_is_a_choice_gives_no_figure() -> None:
    found = measure_picks(np.ones(3), np.ones(3), np.arange(3), {})
    assert found == PickFigures(None, None, None, None, None, 0, 0)


@pytest.mark.slow
def test_of_equal_pickers_at_most_one_in_twenty_is_called_better() -> None:
    """A/A: two scores that know equally much, on 60 groups of 4, 2,000 times."""
    rng, n_better, n = np.random.default_rng(11), 0, 2_000
    group = np.repeat(np.arange(60), 4)
    for _ in range(n):
        truth = rng.normal(size=240)
        one, other = (truth + rng.normal(0, 2, 240) for _ in range(2))
        found = measure_picks(truth, one, group, {"other": other})
        assert found.advantage is not None
        n_better += found.advantage.find_limits().low > 0
    assert n_better / n <= 0.05
