"""Choices have exactly the probability that they say, and are the same again."""

from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from core.decisions.choices import choose_action, choose_pick, draw_numbers, rank_scores
from core.domain.decisions.policy import PolicyKind, PolicyTerms, RedoAction, RedoCosts

GRID = [(i + 0.5) / 60 for i in range(60)]  # divides evenly among 2 to 6 candidates
TERMS = PolicyTerms(PolicyKind.REDO, 0.25, 60.0, RedoCosts(1.0, 10.0), 50.0)


@pytest.mark.parametrize("exploration", [0.0, 0.25, 0.8])
@pytest.mark.parametrize(
    "scores",
    [[60.0, 80.0], [80.0, 60.0, 80.0], [None, 3.0, 1.0, 3.0], [5.0] * 5, [0.0, -0.0, None]],
)
def test_each_candidate_is_picked_as_often_as_its_probability_says(
    scores: list[float | None], exploration: float
) -> None:
    share: dict[int, float] = defaultdict(float)
    told: dict[int, float] = {}
    for numbers in product(GRID, repeat=3):
        choice = choose_pick(scores, exploration, numbers)
        share[choice.place] += 1 / len(GRID) ** 3
        assert told.setdefault(choice.place, choice.probability) == choice.probability
    assert share == pytest.approx(told)
    assert sum(told.values()) == pytest.approx(1.0)


def test_the_last_number_still_names_a_candidate() -> None:
    last = float(np.nextafter(1.0, 0.0))
    assert choose_pick([1.0] * 100, 0.0, [last] * 3).place == 99
    assert choose_pick([1.0] * 100, 0.999_999, [0.0, last, last]).place == 99


@pytest.mark.parametrize(
    ("scores", "ranks"),
    [([3.0, 1.0, 2.0], [1, 3, 2]), ([2.0, 2.0, None], [1, 1, 3]), ([None, None], [1, 1])],
)
def test_equal_scores_share_the_better_rank(scores: list[float | None], ranks: list[int]) -> None:
    assert rank_scores(scores) == ranks


@pytest.mark.parametrize(
    ("score", "by_model", "attempt", "told"),
    [
        (50.0, True, 1, {(RedoAction.ACCEPT, 1.0, False): 1.0}),
        (
            49.9,
            True,
            1,
            {(RedoAction.ACCEPT, 0.25, True): 0.25, (RedoAction.REDO, 0.75, False): 0.75},
        ),
        (0.0, True, 3, {(RedoAction.ACCEPT, 1.0, False): 1.0}),
        (0.0, True, 9, {(RedoAction.ACCEPT, 1.0, False): 1.0}),
        (0.0, False, 1, {(RedoAction.REDO, 1.0, False): 1.0}),
        (None, False, 2, {(RedoAction.REDO, 1.0, False): 1.0}),
        (None, False, 3, {(RedoAction.ACCEPT, 1.0, False): 1.0}),
    ],
)
def test_work_is_redone_as_often_as_the_probability_says(
    score: float | None,
    by_model: bool,
    attempt: int,
    told: dict[tuple[RedoAction, float, bool], float],
) -> None:
    terms = replace(TERMS, on_heuristic=RedoAction.REDO)
    share: dict[tuple[RedoAction, float, bool], float] = defaultdict(float)
    for number in GRID:
        choice = choose_action(score, by_model, attempt, terms, number)
        share[choice.action, choice.probability, choice.explored] += 1 / len(GRID)
    assert share == pytest.approx(told)


def test_chance_is_even_and_differs_between_decisions_and_policies() -> None:
    drawn = np.array([draw_numbers(f"d{i}", i % 3, 4) for i in range(5_000)])
    assert drawn.mean(axis=0) == pytest.approx([0.5] * 4, abs=0.02)
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.05
    assert draw_numbers("d", None, 1) != draw_numbers("d", 1, 1)
