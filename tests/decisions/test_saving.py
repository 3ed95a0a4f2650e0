"""The saving of a redo policy is what its definition says, and unknown where nothing shows it."""

from dataclasses import replace

import numpy as np
import pytest

from core.decisions.rehearsal import RedoLog, Saving, measure_saving, rehearse_redo
from core.domain.decisions.policy import PolicyKind, PolicyTerms, RedoCosts
from core.stats.intervals import Interval
from ui.decisions.summary import describe_saving

RNG = np.random.default_rng(5)
N, BAR, THRESHOLD = 2_000, 60.0, 55.0
TRUTHS = RNG.uniform(0, 100, N)
SCORES = TRUTHS + RNG.normal(0, 10, N)
TERMS = PolicyTerms(PolicyKind.REDO, 0.2, BAR, RedoCosts(1.0, 10.0, 0.1), THRESHOLD)


def decide(exploration: float) -> RedoLog:
    """The decisions of a policy at the threshold, each accepted one with its label."""
    under = SCORES < THRESHOLD
    p_accept = np.where(under, exploration, 1.0)
    accepted = np.random.default_rng(7).random(N) < p_accept
    return RedoLog(
        scores=SCORES,
        attempts=np.ones(N, dtype=np.int64),
        p_accept=p_accept,
        thresholds=np.full(N, THRESHOLD),
        p_bad=np.full(N, np.nan),
        truths=np.where(accepted, TRUTHS, np.nan),
        blocks=np.arange(N),
    )


def test_the_saving_is_that_of_the_costs_which_redoing_avoids() -> None:
    under, bad = SCORES < THRESHOLD, TRUTHS < BAR
    # of the work under it four fifths are redone: for 1, and bad again in one case of ten
    true = 0.8 * np.where(under, 10.0 * bad - (1.0 + 10.0 * 0.1), 0.0).mean()
    found = measure_saving(decide(0.2), TERMS)
    assert found.a_request is not None
    assert found.a_request.low < true < found.a_request.high
    assert found.a_request.high - found.a_request.low < true
    assert (found.n_decisions, found.unknown) == (N, "")


def test_the_saving_is_the_difference_of_the_costs_that_are_rehearsed() -> None:
    log = decide(0.2)
    policy, never = (rehearse_redo(log, replace(TERMS, threshold=t)) for t in (THRESHOLD, -1e9))
    found = measure_saving(log, TERMS)
    assert policy.value is not None
    assert never.value is not None
    assert found.a_request is not None
    assert found.a_request.value == pytest.approx(policy.value.value - never.value.value)


def test_where_nothing_is_let_through_the_saving_is_unknown() -> None:
    found = measure_saving(decide(0.0), replace(TERMS, exploration=0.0))
    assert found.a_request is None
    assert describe_saving(found) == (
        "What that saves is unknown: nothing under 55 was let through."
    )


def test_before_any_decision_the_saving_is_unknown() -> None:
    assert "nothing was decided" in describe_saving(Saving(None, 0, 0, ""))


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
    said = describe_saving(Saving(limits, 80, 20, ""))
    assert said.startswith(words)
    assert ("It may save nothing." in said) == not_sure
