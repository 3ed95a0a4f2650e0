"""Figures of picking the best of several: how well scores order the candidates of a group."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.stats.intervals import BlockEstimate, estimate_by_blocks

Floats = NDArray[np.float64]

MOST_CANDIDATES = 100
"""A larger group is no choice between candidates."""


@dataclass(frozen=True, slots=True)
class PickFigures:
    """Figures of one picker by groups; None where one is not defined. `advantage` is its share of
    the gap minus that of the best naive picker."""

    pair_accuracy: BlockEstimate | None  # of pairs with different truths, ordered rightly
    tau: BlockEstimate | None  # Kendall's tau-b, mean over the groups
    regret: BlockEstimate | None  # points: the best truth of a group minus the picked one's, mean
    gap_recovered: BlockEstimate | None  # 0 as a random pick, 1 as the best of each group
    advantage: BlockEstimate | None
    n_groups: int  # with 2 to 100 candidates
    n_pairs: int  # with different truths


def measure_picks(
    truth: Floats, score: Floats, group: NDArray[np.int64], naive: Mapping[str, Floats]
) -> PickFigures:
    """Return the figures of picking by `score`, and its advantage over the best of the `naive`
    scores, of which a random pick is always one. All arrays have the shape (n_rows,).

    Of equal scores each is picked with the same probability, and half of such pairs count as
    ordered rightly, so that scores that are equal within every group recover 0 of the gap. That
    share is (mean truth of the picked - of a random pick) / (mean of the best - of a random pick);
    the best naive picker is chosen anew for each group that is left out.

    >>> truth, group = np.array([1.0, 3.0, 2.0, 4.0, 8.0, 6.0]), np.array([0, 0, 1, 1, 2, 2])
    >>> found = measure_picks(truth, truth, group, {})
    >>> found.pair_accuracy.value, found.regret.value, found.gap_recovered.value, found.n_pairs
    (1.0, 0.0, 1.0, 3)
    >>> measure_picks(truth, np.zeros(6), group, {}).gap_recovered.value
    0.0
    """
    parts = [
        np.column_stack(
            [
                _sum_pairs(truth[rows], score[rows]),
                np.ones(len(rows)),
                truth[rows].mean(axis=1),
                truth[rows].max(axis=1),
                *(_pick(truth[rows], of[rows]) for of in (score, *naive.values())),
            ]
        )
        for rows in _list_groups(group)
    ]
    if not parts:
        return PickFigures(None, None, None, None, None, 0, 0)
    sums = np.concatenate(parts)
    pairs, tau, regret, gap, advantage = estimate_by_blocks(sums, _figures)
    return PickFigures(pairs, tau, regret, gap, advantage, len(sums), int(sums[:, 0].sum()))


def _list_groups(group: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Return the positions of the rows of each group that is a choice: for each size an array of
    the shape (n_groups, size)."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=group.min(initial=0) - 1))
    sizes = np.diff(starts, append=len(group))
    return [
        order[starts[sizes == size][:, None] + np.arange(size)]
        for size in np.unique(sizes)
        if 2 <= size <= MOST_CANDIDATES
    ]


def _sum_pairs(truth: Floats, score: Floats) -> Floats:
    """Return for each group, a row of (n_groups, size), its pairs with different truths, of these
    ordered rightly, tau-b, and whether that is defined."""
    one, other = np.triu_indices(truth.shape[1], 1)
    by_truth = np.sign(truth[:, one] - truth[:, other])
    by_score = np.sign(score[:, one] - score[:, other])
    apart = np.abs(by_truth)
    agreement = (by_truth * by_score).sum(axis=1)
    n_pairs = apart.sum(axis=1)
    possible = np.sqrt(n_pairs * np.abs(by_score).sum(axis=1))
    tau = np.divide(agreement, possible, out=np.zeros(len(truth)), where=possible > 0)
    return np.column_stack([n_pairs, (n_pairs + agreement) / 2, tau, possible > 0])


def _pick(truth: Floats, score: Floats) -> Floats:
    """Return for each group the mean truth of its candidates with the highest score."""
    picked = score == score.max(axis=1, keepdims=True)
    mean: Floats = (truth * picked).sum(axis=1) / picked.sum(axis=1)
    return mean


def _figures(sums: Floats) -> Floats:
    n_pairs, rightly, tau, n_tau, n, at_random, best, picked = sums[:, :8].T
    gap = best - at_random
    best_naive = np.maximum(sums[:, 8:].max(axis=1, initial=-np.inf), at_random)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.column_stack(
            [
                rightly / n_pairs,
                tau / n_tau,
                (best - picked) / n,
                np.where(gap > 0, (picked - at_random) / gap, np.nan),
                np.where(gap > 0, (picked - best_naive) / gap, np.nan),
            ]
        )
