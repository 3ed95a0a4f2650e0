"""Folds inside the training rows that are as strict as the holdout: ordered, with whole groups."""

import numpy as np
from numpy.typing import NDArray

from core.training.recipe import Fold

N_FOLDS = 5
MIN_ROWS = 20


def split_folds(
    at_seconds: NDArray[np.float64] | None,
    group: NDArray[np.int64],
    *,
    seed: int,
    n_folds: int = N_FOLDS,
) -> tuple[Fold, ...]:
    """Five folds of positions; none where there are fewer than 20 rows or two groups.

    With times (seconds, nan where a row has none) each fold is judged on the part that follows
    those it fits on; a group that stands in both is left out of the fit. Without, each row is
    judged once, and whole groups are dealt at random into parts of about the same size. `group`
    numbers what has to stay together: a row's own number where nothing does.

    >>> [(fit.tolist(), judge.tolist()) for fit, judge in
    ...  split_folds(np.arange(30.0), np.arange(30), seed=0, n_folds=2)][0]
    ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    """
    if len(group) < MIN_ROWS:
        return ()
    if at_seconds is not None:
        return _by_time(at_seconds, group, n_folds)
    return _by_group(group, n_folds, seed)


def _by_time(
    at_seconds: NDArray[np.float64], group: NDArray[np.int64], n_folds: int
) -> tuple[Fold, ...]:
    at = np.where(np.isnan(at_seconds), -np.inf, at_seconds)  # no time: never judged
    edges = np.quantile(at, np.arange(1, n_folds + 1) / (n_folds + 1), method="lower")
    part = np.searchsorted(edges, at, side="left")  # equal times share a part
    part[np.isneginf(at)] = 0
    folds = []
    for i in range(1, n_folds + 1):
        judge = np.flatnonzero(part == i)
        fit = np.flatnonzero((part < i) & ~np.isin(group, group[judge]))
        if len(judge) and len(fit):
            folds.append((fit, judge))
    return tuple(folds)


def _by_group(group: NDArray[np.int64], n_folds: int, seed: int) -> tuple[Fold, ...]:
    names, sizes = np.unique(group, return_counts=True)
    n_folds = min(n_folds, len(names))
    if n_folds < 2:
        return ()
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]  # large groups first
    part, filled = np.empty(len(names), dtype=np.int64), np.zeros(n_folds)
    for i in order:
        part[i] = int(np.argmin(filled))
        filled[part[i]] += sizes[i]
    of_row = part[np.searchsorted(names, group)]
    return tuple((np.flatnonzero(of_row != i), np.flatnonzero(of_row == i)) for i in range(n_folds))
