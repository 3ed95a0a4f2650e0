"""The saving of a redo policy is what its definition says, and unknown where nothing shows it."""

from dataclasses import replace

import numpy as np
import pytest

from core.decisions.saving import Saving, measure_saving
from core.decisions.threshold import LabelledScores
from core.domain.decisions.policy import DecisionPolicy, PolicyKind, PolicyTerms, RedoCosts
from core.stats.intervals import Interval
from tests.conftest import NOON
from ui.decisions.summary import describe_saving

RNG = np.random.default_rng(5)
N, BAR, THRESHOLD = 2_000, 60.0, 55.0
COSTS = RedoCosts(1.0, 10.0, 0.1)
TRUTHS = RNG.uniform(0, 100, N)
SCORES = TRUTHS + RNG.normal(0, 10, N)
DAY = np.arange(N) // 100
POLICY = DecisionPolicy(
    3,
    NOON,
    "ada",
    "bad work",
    PolicyTerms(PolicyKind.REDO, 0.1, BAR, COSTS, THRESHOLD),
    {},
)


def labelled(rows: np.ndarray, weights: np.ndarray | None = None) -> LabelledScores:
    given = np.ones(len(SCORES[rows])) if weights is None else weights
    return LabelledScores(SCORES[rows], TRUTHS[rows], given)


def test_the_saving_is_the_cost_of_showing_minus_that_of_redoing() -> None:
    under = SCORES < THRESHOLD
    shown = 10.0 * (TRUTHS < BAR)
    expected = np.where(under, shown - (1.0 + 10.0 * 0.1), 0.0).mean()
    found = measure_saving(labelled(np.full(N, True)), DAY, BAR, COSTS, THRESHOLD)
    assert found.a_request is not None
    assert found.a_request.value == pytest.approx(expected)
    assert (found.n_labels, found.n_under, found.n_days) == (N, int(under.sum()), 20)


def test_work_that_chance_let_through_stands_for_what_was_redone() -> None:
    """Of the work under the threshold a fifth has a label; each counts five times."""
    whole = measure_saving(labelled(np.full(N, True)), DAY, BAR, COSTS, THRESHOLD)
    kept = (SCORES >= THRESHOLD) | (RNG.random(N) < 0.2)
    weights = np.where(SCORES[kept] < THRESHOLD, 5.0, 1.0)
    found = measure_saving(labelled(kept, weights), DAY[kept], BAR, COSTS, THRESHOLD)
    assert found.a_request is not None
    assert whole.a_request is not None
    assert found.a_request.low < whole.a_request.value < found.a_request.high


def test_without_a_label_under_the_threshold_the_saving_is_unknown() -> None:
    above = SCORES >= THRESHOLD
    found = measure_saving(labelled(above), DAY[above], BAR, COSTS, THRESHOLD)
    assert (found.a_request, found.n_under) == (None, 0)
    said = describe_saving(POLICY, found)
    assert said.startswith("What that saves is unknown: no labelled work")


def test_one_day_has_a_figure_and_no_limits() -> None:
    found = measure_saving(labelled(np.full(N, True)), np.zeros(N, int), BAR, COSTS, THRESHOLD)
    assert found.a_request is not None
    assert not found.a_request.is_known
    assert "on one day of 2,000 labels" in describe_saving(POLICY, found)


@pytest.mark.parametrize(
    ("limits", "words", "not_sure"),
    [
        (Interval(0.4, 0.1, 0.7), "It saves 0.400 a request (0.100–0.700;", False),
        (Interval(0.4, -0.1, 0.9), "It saves 0.400 a request (−0.100 to 0.900;", True),
        (Interval(-0.4, -0.7, -0.1), "It costs 0.400 a request (0.100–0.700;", False),
        (Interval(-0.1, -0.4, 0.2), "It costs 0.100 a request (−0.200 to 0.400;", True),
        (Interval(0.0, 0.0, 0.0), "It saves 0.0000 a request", True),
    ],
)
def test_the_sentence_says_what_its_interval_says(
    limits: Interval, words: str, not_sure: bool
) -> None:
    said = describe_saving(POLICY, replace(Saving(None, 80, 20, 9), a_request=limits))
    assert said.startswith(words)
    assert ("It may save nothing." in said) == not_sure
