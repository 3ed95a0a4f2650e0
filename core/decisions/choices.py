"""Choices by a policy: the candidate that is picked, and whether work is redone; repeatable, since
chance comes from the decision's id."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.decisions.policy import PolicyTerms, RedoAction

_BYTES = 8
_FULL = float(2 ** (8 * _BYTES))


@dataclass(frozen=True, slots=True)
class PickChoice:
    """The picked candidate by its place, with the probability that it had given the scores."""

    place: int
    probability: float
    explored: bool  # chance picked it


@dataclass(frozen=True, slots=True)
class RedoChoice:
    """The action for work, with the probability that it had given the score."""

    action: RedoAction
    probability: float
    explored: bool  # chance let it through
    p_bad: float | None  # None where nothing says how probable it is


def draw_numbers(decision_id: str, policy_id: int | None, n: int) -> list[float]:
    """Return up to 4 numbers from 0 to less than 1 that depend on a decision and its policy alone.

    >>> draw_numbers("d", 1, 2) == draw_numbers("d", 1, 4)[:2] != draw_numbers("d", 2, 2)
    True
    """
    drawn = hashlib.sha256(f"{policy_id}:{decision_id}".encode()).digest()
    return [int.from_bytes(drawn[_BYTES * i : _BYTES * (i + 1)], "big") / _FULL for i in range(n)]


def choose_pick(
    scores: Sequence[float | None], exploration: float, numbers: Sequence[float]
) -> PickChoice:
    """Pick the best score, and among equals any with the same probability; for a share of
    `exploration` any candidate at all. What has no score is below all others. `numbers` are three
    draws.

    >>> choose_pick([60.0, 80.0, None], 0.3, [0.5, 0.0, 0.0])  # doctest: +ELLIPSIS
    PickChoice(place=1, probability=0.79..., explored=False)
    >>> choose_pick([60.0, 80.0, None], 0.3, [0.1, 0.9, 0.0])  # doctest: +ELLIPSIS
    PickChoice(place=2, probability=0.09..., explored=True)
    """
    best = [place for place, rank in enumerate(rank_scores(scores)) if rank == 1]
    explored = numbers[0] < exploration
    place = int(numbers[1] * len(scores)) if explored else best[int(numbers[2] * len(best))]
    probability = exploration / len(scores)
    if place in best:
        probability += (1.0 - exploration) / len(best)
    return PickChoice(place, probability, explored)


def rank_scores(scores: Sequence[float | None]) -> list[int]:
    """Return the rank of each score, from 1 for the best; equal scores share one.

    >>> rank_scores([60.0, None, 80.0, 60.0])
    [2, 4, 1, 2]
    """
    values = [float("-inf") if score is None else score for score in scores]
    order = sorted(values, reverse=True)
    return [order.index(value) + 1 for value in values]


def choose_action(
    score: float | None, by_model: bool, attempt: int, terms: PolicyTerms, number: float
) -> RedoChoice:
    """Redo work whose score is under the threshold of a redo policy, but let a share of
    `exploration` of it through. What no model has scored, and work of the last attempt, is not left
    to chance. `number` is a draw.

    >>> from core.domain.decisions.policy import PolicyKind, RedoCosts
    >>> terms = PolicyTerms(PolicyKind.REDO, 0.1, 60.0, RedoCosts(1.0, 10.0), 50.0)
    >>> [choose_action(40.0, True, 1, terms, draw).action.value for draw in (0.05, 0.5)]
    ['accept', 'redo']
    >>> choose_action(40.0, True, 3, terms, 0.5)
    RedoChoice(action=<RedoAction.ACCEPT: 'accept'>, probability=1.0, explored=False, p_bad=None)
    """
    p_bad = None
    if by_model and score is not None and terms.calibration is not None:
        p_bad = terms.calibration.find_p_bad(score)
    if attempt >= terms.max_attempts:
        return RedoChoice(RedoAction.ACCEPT, 1.0, False, p_bad)
    if not by_model or score is None or terms.threshold is None:
        return RedoChoice(terms.on_heuristic, 1.0, False, p_bad)
    if score >= terms.threshold:
        return RedoChoice(RedoAction.ACCEPT, 1.0, False, p_bad)
    if number < terms.exploration:
        return RedoChoice(RedoAction.ACCEPT, terms.exploration, True, p_bad)
    return RedoChoice(RedoAction.REDO, 1.0 - terms.exploration, False, p_bad)
