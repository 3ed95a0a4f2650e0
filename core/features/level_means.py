"""The mean of what each level of a category adds to the target, shrunk towards 0; pure.

A level's mean is worth n / (n + m) of itself and the rest of the overall mean, where m is the
variance within levels over that between them (empirical Bayes, Morris 1983; Micci-Barreca 2001), so
that levels that say nothing are all alike. For the rows that a model is fitted on each value comes
from the rows of the other folds: a row's own target is never in what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_FOLDS = 5
_SURELY = 3.0  # standard errors by which levels have to differ more than chance makes them

_Levels = list[str | None]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LevelMeans:
    """`of_level` has the shrunken mean of each level."""

    of_level: Mapping[str, float]
    of_missing: float
    overall: float

    def look_up(self, levels: _Levels) -> _Floats:
        """Return the mean of each level, the overall one of a level that is not known."""
        of_level: dict[str | None, float] = {None: self.of_missing}
        of_level.update(self.of_level)
        return np.array([of_level.get(level, self.overall) for level in levels])


def fit_level_means(levels: _Levels, y: _Floats) -> LevelMeans | None:
    """Return the shrunken means of levels for targets `y`, or None where the levels do not differ
    more than chance makes them (the F of a one-way analysis of variance, by three standard errors).

    >>> means = fit_level_means(["a", "b", None] * 40, np.array([10.0, 30.0, 20.0] * 40))
    >>> means.look_up(["a", "b", "new"]).round(1).tolist()
    [10.0, 30.0, 20.0]
    >>> fit_level_means(["a", "b"] * 40, np.arange(80.0) // 2) is None
    True
    """
    codes, names = _number(levels)
    counts = np.bincount(codes, minlength=len(names))
    n, k = len(codes), len(names)
    if k < 2 or n - k < k / 2:
        return None
    overall = float(y.mean())
    means = np.bincount(codes, y, k) / counts
    within = float(np.square(y - means[codes]).sum()) / (n - k)
    between = float((counts * np.square(means - overall)).sum()) / (k - 1)
    chance = np.sqrt(2.0 / (k - 1) + 2.0 / (n - k))
    if between <= within * (1.0 + _SURELY * chance):
        return None
    usual_rows = (n - float(np.square(counts).sum()) / n) / (k - 1)
    prior = within * usual_rows / (between - within)  # m: rows that the overall mean is worth
    shrunk = (counts * means + prior * overall) / (counts + prior)
    of_level = dict(zip(names, shrunk.tolist(), strict=True))
    missing = of_level.pop(None, overall)
    return LevelMeans({str(name): mean for name, mean in of_level.items()}, missing, overall)


def leave_to_levels(matrix: _Floats, y: _Floats) -> _Floats:
    """Return what a line (ridge) on the other columns leaves of the targets: what the levels have
    to explain, without the noise that these columns bring into their means. `matrix` has a row for
    each target; a missing number counts as the mean.

    >>> left = leave_to_levels(np.arange(500.0)[:, None], 3.0 * np.arange(500.0) + 7.0)
    >>> bool(np.abs(left).max() < 2.0)
    True
    """
    if matrix.shape[1] == 0:
        return np.asarray(y - y.mean(), dtype=np.float64)
    centred = matrix - np.nanmean(matrix, axis=0)
    spread = np.nanstd(matrix, axis=0)
    columns: _Floats = np.nan_to_num(centred / np.where(spread > 0, spread, 1.0))
    penalty = np.eye(columns.shape[1])
    weights = np.linalg.solve(columns.T @ columns + penalty, columns.T @ (y - y.mean()))
    return np.asarray(y - y.mean() - columns @ weights, dtype=np.float64)


def cross_fit(levels: _Levels, y: _Floats) -> _Floats:
    """Return for each row the mean of its level in the rows of the other folds; the rows of a level
    are dealt to the folds in turn."""
    codes, _ = _number(levels)
    order = np.argsort(codes, kind="stable")
    fold = np.empty(len(codes), dtype=np.int64)
    fold[order] = np.arange(len(codes)) % N_FOLDS
    found = np.empty(len(codes))
    for part in range(N_FOLDS):
        inside, others = np.flatnonzero(fold == part), np.flatnonzero(fold != part)
        means = fit_level_means([levels[i] for i in others], y[others])
        asked = [levels[i] for i in inside]
        found[inside] = float(y[others].mean()) if means is None else means.look_up(asked)
    return found


def _number(levels: _Levels) -> tuple[NDArray[np.int64], list[str | None]]:
    places: dict[str | None, int] = {}
    codes = [places.setdefault(level, len(places)) for level in levels]
    return np.array(codes, dtype=np.int64), list(places)
