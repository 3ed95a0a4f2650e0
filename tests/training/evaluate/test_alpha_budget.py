"""A year has one budget of false promotions, however often somebody trains."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import Refused
from core.stats.slices import Slice, cut_levels
from core.training.evaluate.alpha_budget import GATE_ALPHA, LOWEST_ALPHA, YEARLY_ALPHA, choose_alpha
from core.training.evaluate.champion import find_worse_segments
from core.training.evaluate.gate import Comparison, decide_gate
from core.training.evaluate.metrics import choose_blocks, compare_scores
from tests.training.evaluate.test_gate import GOOD


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
    for world in range(n_worlds):
        spent = 0.0
        for week in range(26):
            alpha = choose_alpha(spent)
            actual, shared = rng.uniform(20, 80, 240), rng.normal(0, 5, 240)
            old, new = (actual + 0.95 * shared + 0.31 * rng.normal(0, 5, 240) for _ in range(2))
            mae, improvement, lowest = compare_scores(
                actual, old, new, blocks=blocks, alpha=alpha, seed=26 * world + week
            )
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
    for seed in range(n_gates):
        actual, shared = rng.uniform(20, 80, n), rng.normal(0, 5, n)
        old, new = (actual + 0.95 * shared + 0.31 * rng.normal(0, 5, n) for _ in range(2))
        lowest = compare_scores(actual, old, new, blocks=blocks, alpha=GATE_ALPHA, seed=seed)[2]
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
