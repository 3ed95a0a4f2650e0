"""Thresholds of redo policies from labelled scores: by least expected cost, or by a promise."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import isotonic_regression

from core.domain.decisions.policy import CONFIDENCE, Calibration, CalibrationStep, RedoCosts
from core.errors import InvalidInput, Refused
from core.stats.intervals import Interval, wilson

MIN_LABELS = 30
"""Labels without which neither a cost nor a probability is estimated."""

_STARTS = (0.25, 0.5, 0.75)  # shares of the best scores at which a promise is tried first


@dataclass(frozen=True, slots=True)
class LabelledScores:
    """Scores with their truths, both in points, each of shape (n_rows,). `weights` are one over the
    probability with which a row came to be labelled."""

    scores: NDArray[np.float64]
    truths: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def find_bad(self, bar: float) -> NDArray[np.float64]:
        """Return 1.0 for each row whose truth is under the bar, else 0.0."""
        return (self.truths < bar).astype(np.float64)


@dataclass(frozen=True, slots=True)
class ThresholdFigures:
    """The figures of a threshold on labelled work: shares 0..1, and costs a request in the team's
    unit, beside those of never and of always redoing."""

    n_labels: int
    redo_share: float
    bad_share: Interval  # of all work, before anything is redone
    bad_shown: Interval  # of what is accepted
    cost: float
    cost_never: float
    cost_always: float


def calibrate(labelled: LabelledScores, bar: float, version: int) -> Calibration:
    """Fit P(bad | score), falling as the score rises, by weighted isotonic regression (the pool
    adjacent violators; Ayer et al. 1955). Raises `InvalidInput` for fewer than 30 labels.

    >>> scores = np.arange(40.0)
    >>> labelled = LabelledScores(scores, np.where(scores < 10, 20.0, 80.0), np.ones(40))
    >>> calibrate(labelled, 60.0, 1).steps
    (CalibrationStep(highest=9.0, p_bad=1.0), CalibrationStep(highest=39.0, p_bad=0.0))
    """
    _check_enough(len(labelled), MIN_LABELS, "a probability that work is bad")
    scores, place = np.unique(labelled.scores, return_inverse=True)
    weights = np.bincount(place, labelled.weights)
    shares = np.bincount(place, labelled.weights * labelled.find_bad(bar)) / weights
    fitted = isotonic_regression(shares, weights=weights, increasing=False)
    ends = fitted.blocks[1:] - 1
    steps = tuple(
        CalibrationStep(float(scores[end]), float(np.clip(fitted.x[end], 0.0, 1.0))) for end in ends
    )
    return Calibration(version, len(labelled), steps)


def choose_by_cost(labelled: LabelledScores, bar: float, costs: RedoCosts, high: float) -> float:
    """Return the threshold with the least cost on labelled work, on the scale that ends at `high`:
    each row under it costs a redo and the bad work that comes of it, each other bad row the showing
    of bad work. Raises `InvalidInput` for fewer than 30 labels.

    >>> scores = np.arange(40.0)
    >>> labelled = LabelledScores(scores, np.where(scores < 10, 20.0, 80.0), np.ones(40))
    >>> choose_by_cost(labelled, 60.0, RedoCosts(1.0, 10.0, 0.25), 100.0)
    9.5
    """
    _check_enough(len(labelled), MIN_LABELS, "a threshold by its costs")
    redo = cost_redo(costs)
    scores, place = np.unique(labelled.scores, return_inverse=True)
    accepted = costs.bad * labelled.find_bad(bar) * labelled.weights
    saved = np.bincount(place, accepted - redo * labelled.weights)  # by redoing each score
    best = int(np.argmax(np.concatenate([[0.0], np.cumsum(saved)])))  # so many scores are redone
    if best == 0:
        return float(scores[0])
    return high if best == len(scores) else float(scores[best - 1] + scores[best]) / 2


def cost_redo(costs: RedoCosts) -> float:
    """Return the expected cost of redoing work: the redo, and what comes of it that is bad.

    >>> cost_redo(RedoCosts(1.0, 10.0, 0.25))
    3.5
    """
    return costs.redo + costs.bad * (costs.bad_after_redo or 0.0)


def choose_by_promise(labelled: LabelledScores, bar: float, promise: float) -> float:
    """Return the lowest threshold for which it holds, with probability 95 %, that of all work with
    that score or more a share of at most `promise` is bad. `labelled` are independent rows.

    Learn then Test (Angelopoulos et al. 2021): the threshold falls from row to row, and each is
    kept while an exact binomial test refuses that more is bad (fixed-sequence testing, from three
    starts which share the 5 %). Raises `InvalidInput` for too few labels, with the number that is
    needed, and `Refused` where no threshold holds the promise.

    >>> scores = np.arange(400.0)
    >>> truths = np.where(scores < 100, 20.0, 80.0)
    >>> choose_by_promise(LabelledScores(scores, truths, np.ones(400)), 60.0, 0.05)
    93.0
    """
    needed = count_needed(promise)
    _check_enough(len(labelled), needed, f"a promise of at most {100 * promise:g} % bad work")
    order = np.argsort(-labelled.scores, kind="stable")
    scores = labelled.scores[order]
    n_bad = np.cumsum(labelled.find_bad(bar)[order])
    n_shown = np.arange(1, len(scores) + 1)
    is_end = np.append(scores[:-1] > scores[1:], True)  # equal scores are shown together
    starts = sorted({max(needed, math.ceil(share * len(scores))) for share in _STARTS})
    holds = special.bdtr(n_bad, n_shown, promise) <= (1 - CONFIDENCE) / len(starts)
    kept = -1
    for start in starts:
        for last in np.flatnonzero(is_end & (n_shown >= start)):
            if not holds[last]:
                break
            kept = max(kept, int(last))
    if kept < 0:
        first = starts[0]
        raise Refused(
            f"No threshold holds at most {100 * promise:g} % bad work with probability "
            f"{100 * CONFIDENCE:g} %: even of the {first:,} best scores of {len(scores):,}, "
            f"{int(n_bad[first - 1]):,} are bad. Promise less, lower the bar, or train a version "
            "that tells bad work apart."
        )
    return float(scores[kept])


def count_needed(promise: float) -> int:
    """Return the number of labels, none of them bad, that a promise needs to hold with probability
    95 %.

    >>> count_needed(0.02), count_needed(0.1)
    (149, 29)
    """
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-promise))


def measure_threshold(
    labelled: LabelledScores, bar: float, costs: RedoCosts, threshold: float
) -> ThresholdFigures:
    """Measure a threshold on labelled work; intervals are Wilson's at the effective number of
    labels (Kish 1965). Raises `InvalidInput` for fewer than 30 labels."""
    _check_enough(len(labelled), MIN_LABELS, "figures of a threshold")
    bad, weights = labelled.find_bad(bar), labelled.weights
    shown = labelled.scores >= threshold
    share = float(weights[~shown].sum() / weights.sum())
    bad_share = _estimate_share(bad, weights)
    bad_shown = _estimate_share(bad[shown], weights[shown])
    redo = cost_redo(costs)
    return ThresholdFigures(
        n_labels=len(labelled),
        redo_share=share,
        bad_share=bad_share,
        bad_shown=bad_shown,
        cost=share * redo + (1 - share) * costs.bad * bad_shown.value,
        cost_never=costs.bad * bad_share.value,
        cost_always=redo,
    )


def count_effective(weights: NDArray[np.float64]) -> float:
    """Return the number of equally weighted rows that would say as much (Kish 1965).

    >>> count_effective(np.array([1.0, 1.0, 2.0]))  # doctest: +ELLIPSIS
    2.666...
    """
    total = float((weights**2).sum())
    return float(weights.sum()) ** 2 / total if total else 0.0


def _estimate_share(bad: NDArray[np.float64], weights: NDArray[np.float64]) -> Interval:
    n = math.floor(count_effective(weights))
    if n == 0:
        return Interval(0.0, 0.0, 1.0)
    share = float(np.average(bad, weights=weights))
    around = wilson(round(share * n), n)
    return Interval(share, min(around.low, share), max(around.high, share))


def _check_enough(n: int, needed: int, what: str) -> None:
    if n < needed:
        raise InvalidInput(
            f"{n:,} labelled scores of the version that serves are too few for {what}: "
            f"{needed:,} are needed. Give a threshold, or wait for labels."
        )
