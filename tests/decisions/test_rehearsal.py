"""Rehearsals say what another policy would have done, as far as labels reach: by hand, and in
simulations against the truth."""

from dataclasses import replace

import numpy as np
import pytest

from core.decisions.rehearsal import (
    RedoLog,
    build_pick_log,
    build_redo_log,
    rehearse_pick,
    rehearse_redo,
)
from core.decisions.threshold import cost_redo
from core.domain.decisions.policy import PolicyKind, PolicyTerms, RedoAction, RedoCosts
from core.store.predictions.decisions import DecidedWork, PickedCandidate

COSTS = RedoCosts(1.0, 10.0, 0.05)
TERMS = PolicyTerms(PolicyKind.REDO, 0.05, 55.0, COSTS, 55.0)
ACCEPT, REDO = RedoAction.ACCEPT, RedoAction.REDO


def work(score: float, action: RedoAction, probability: float, actual: float | None) -> DecidedWork:
    return DecidedWork(score, 1, action, probability, 62.0, 0.5, actual, None)


BY_HAND = [
    *(work(58.0, ACCEPT, 0.25, actual) for actual in (40.0, 80.0)),  # each stands for four
    *(work(58.0, REDO, 0.75, None) for _ in range(6)),
    *(work(70.0, ACCEPT, 1.0, actual) for actual in (80.0, 80.0, 80.0, 40.0)),
]


def test_labels_count_as_often_as_their_decision_was_improbable() -> None:
    found = rehearse_redo(build_redo_log(BY_HAND), TERMS)
    assert (found.n_decisions, found.n_labels, found.unknown) == (12, 6, "")
    assert found.effective_labels == pytest.approx((2 * 4 + 4) ** 2 / (2 * 16 + 4))
    assert found.redo_share is not None
    assert found.redo_share.value == 0.0
    assert found.bad_shown is not None
    assert found.bad_shown.value == pytest.approx((4 + 1) / 12)
    assert found.value is not None
    assert found.value.value == pytest.approx(-10 * 5 / 12)
    assert found.robust_bad_shown is not None  # 0.5 for each, less (6 - 5) / 12 by the labels
    assert found.robust_bad_shown.value == pytest.approx(0.5 - 1 / 12)


def test_the_policy_that_decided_is_rehearsed_as_it_was() -> None:
    found = rehearse_redo(build_redo_log(BY_HAND), replace(TERMS, threshold=62.0, exploration=0.25))
    assert found.redo_share is not None
    assert found.redo_share.value == pytest.approx(0.75 * 8 / 12)
    assert found.bad_shown is not None
    assert found.bad_shown.value == pytest.approx(2 / 6)
    assert found.effective_labels == pytest.approx(6.0)
    assert found.value is not None
    assert found.value.value == pytest.approx(-(0.5 * cost_redo(COSTS) + 0.5 * 10 / 3))


@pytest.mark.parametrize(
    ("rows", "terms", "unknown"),
    [
        (
            [replace(row, probability=1.0) for row in BY_HAND[2:]],
            TERMS,
            "unknown: nothing under 62 was let through",
        ),
        (
            [replace(row, actual=None) if row.score < 60 else row for row in BY_HAND],
            TERMS,
            "unknown: nothing under 62 that was let through has a label",
        ),
        (
            [replace(row, actual=None) for row in BY_HAND],
            replace(TERMS, threshold=62.0),
            "unknown: no accepted work has a label",
        ),
    ],
)
def test_what_no_label_reaches_is_unknown_and_never_a_number(
    rows: list[DecidedWork], terms: PolicyTerms, unknown: str
) -> None:
    found = rehearse_redo(build_redo_log(rows), terms)
    assert found.unknown == unknown
    assert (found.bad_shown, found.value) == (None, None)
    assert (found.robust_bad_shown, found.robust_value) == (None, None)
    assert found.redo_share is not None  # scores say that much


def test_a_stricter_policy_needs_no_exploration() -> None:
    rows = [work(70.0, ACCEPT, 1.0, actual) for actual in (40.0, 80.0)]
    rows += [work(90.0, ACCEPT, 1.0, 80.0)] * 2 + [work(50.0, REDO, 1.0, None)]
    found = rehearse_redo(build_redo_log(rows), replace(TERMS, threshold=80.0, exploration=0.0))
    assert found.unknown == ""
    assert found.bad_shown is not None
    assert (found.bad_shown.value, found.effective_labels) == (0.0, 2.0)


def test_without_a_calibration_nothing_is_doubly_robust() -> None:
    rows = [replace(row, p_bad=None) for row in BY_HAND]
    found = rehearse_redo(build_redo_log(rows), TERMS)
    assert found.bad_shown is not None
    assert (found.robust_bad_shown, found.robust_value) == (None, None)


def pick(place: int, probability: float, actual: float | None) -> PickedCandidate:
    scores = (60.0, 80.0)
    return PickedCandidate(scores[place], scores, probability, actual, None)


def test_the_truth_of_another_pick_is_weighted_by_its_probability() -> None:
    """Of four requests at 50 % exploration, one picked the worse; at 100 % it would be two."""
    log = build_pick_log([pick(0, 0.25, 50.0), *[pick(1, 0.75, 90.0)] * 3])
    found = rehearse_pick(log, 0.999_999)
    assert found.value is not None
    assert found.value.value == pytest.approx(70.0, abs=1e-3)
    assert found.robust_value is not None
    assert found.robust_value.value == pytest.approx(70.0, abs=1e-3)
    best = rehearse_pick(log, 0.0)
    assert best.value is not None
    assert best.value.value == pytest.approx(90.0)


def test_what_only_picks_of_the_best_cannot_say_is_unknown() -> None:
    log = build_pick_log([pick(1, 1.0, 90.0)] * 3)
    assert rehearse_pick(log, 0.0).unknown == ""
    found = rehearse_pick(log, 0.1)
    assert (found.value, found.robust_value) == (None, None)
    assert found.unknown == "unknown: no candidate but the best was picked and labelled"
    nothing = rehearse_pick(build_pick_log([pick(1, 1.0, None)] * 3), 0.0)
    assert nothing.unknown == "unknown: no picked candidate has a label"


def draw(seed: int, n: int, exploration: float) -> tuple[RedoLog, np.ndarray]:
    """A log of a policy that redoes under 62, seven in ten of what it accepts labelled; and all
    truths. The calibration is a little wrong."""
    random = np.random.default_rng(seed)
    truths = random.normal(70.0, 12.0, n)
    scores = truths + random.normal(0.0, 8.0, n)
    p_accept = np.where(scores >= 62.0, 1.0, exploration)
    labelled = (random.random(n) < p_accept) & (random.random(n) < 0.7)
    log = RedoLog(
        scores=scores,
        attempts=np.ones(n, dtype=np.int64),
        p_accept=p_accept,
        thresholds=np.full(n, 62.0),
        p_bad=1.0 / (1.0 + np.exp((scores - 52.0) / 5.0)),
        truths=np.where(labelled, truths, np.nan),
        blocks=np.arange(n),
    )
    return log, truths


@pytest.mark.slow  # a thousand logs of five thousand decisions
@pytest.mark.parametrize("threshold", [55.0, 70.0])
def test_intervals_hold_the_true_value_of_another_policy(threshold: float) -> None:
    terms = replace(TERMS, threshold=threshold)
    everything, truths = draw(10_000, 2_000_000, 1.0)
    accept = np.where(everything.scores >= threshold, 1.0, terms.exploration)
    bad = float((accept * (truths < 55.0)).sum() / accept.sum())
    value = -float((1.0 - accept.mean()) * cost_redo(COSTS) + accept.mean() * COSTS.bad * bad)
    held = np.zeros(4)
    for seed in range(1_000):
        found = rehearse_redo(draw(seed, 5_000, 0.2)[0], terms)
        figures = (found.bad_shown, found.robust_bad_shown, found.value, found.robust_value)
        for place, (one, truth) in enumerate(zip(figures, (bad, bad, value, value), strict=True)):
            assert one is not None
            held[place] += one.low <= truth <= one.high
    assert (held >= 930).all()
    assert (held <= 970).all()
