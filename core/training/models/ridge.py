"""A line with a penalty (ridge) that can aim at the mean, the median or the densest window."""

from collections.abc import Callable, Sequence
from operator import mul
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from core.domain.training_report import SearchAttempt
from core.training.models.fold_matrices import FoldMatrix, count_rows
from core.training.models.objective import ABSOLUTE, SQUARED, Aim, pull
from core.training.models.recipe import Search

PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10_000.0)

_ROUNDS = 15
_WIDTHS = (16.0, 8.0, 4.0, 2.0)
"""The tolerance objective has many local optima: it begins with windows this many times as wide,
which have few (graduated non-convexity, Blake and Zisserman 1987)."""


class RidgeRegressor(Ridge):  # type: ignore[misc]  # sklearn is untyped
    """scikit-learn's `Ridge`, fitted again and again with weights that turn squares into what the
    objective asks for (iteratively reweighted least squares, Huber 1981): 1 / abs(r) for the
    absolute error, `core.training.models.objective.pull` for the tolerance.

    >>> X, y = np.zeros((5, 1)), np.array([0.0, 1.0, 2.0, 3.0, 100.0])
    >>> lines = [RidgeRegressor(objective=aim).fit(X, y) for aim in (SQUARED, ABSOLUTE)]
    >>> [round(float(line.predict(X)[0]), 1) for line in lines]
    [21.2, 2.0]
    """

    def __init__(
        self, *, alpha: float = 1.0, objective: str = SQUARED, tolerance: float = 5.0
    ) -> None:
        super().__init__(alpha=alpha)
        self.objective = objective
        self.tolerance = tolerance

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the line."""
        super().fit(X, y, sample_weight)
        if self.objective == SQUARED:
            return self
        given = 1.0 if sample_weight is None else np.asarray(sample_weight)
        for i in range(_ROUNDS):
            residuals = np.asarray(y, dtype=np.float64) - self.predict(X)
            super().fit(X, y, given * self._weigh(residuals, i))
        return self

    def compile_row(self) -> Callable[[Sequence[float]], float]:
        """`predict` of a single row, without arrays."""
        weights, offset = self.coef_.tolist(), float(self.intercept_)
        return lambda row: sum(map(mul, row, weights), offset)

    def shift(self, points: float) -> None:
        """Add a constant to every score from now on."""
        self.intercept_: float = float(self.intercept_) + points

    def _weigh(self, residuals: NDArray[np.float64], i: int) -> NDArray[np.float64]:
        if self.objective == ABSOLUTE:
            size = np.abs(residuals)
            least = max(float(np.mean(size)) * 1e-3, 1e-12)
            weights: NDArray[np.float64] = 1.0 / np.maximum(size, least)
            return weights / np.mean(weights)
        wider = _WIDTHS[i] if i < len(_WIDTHS) else 1.0
        return pull(residuals, self.tolerance * wider)


class CompleteLine:
    """A line over columns of any scale in which values may be missing: the mean stands in.

    Attributes: `coef_` (points a unit of each column), `mean_` (of each column), `intercept_`.

    >>> X = np.array([[0.0], [1.0], [2.0], [np.nan]])
    >>> y = np.array([10.0, 20.0, 30.0, 20.0])
    >>> CompleteLine.fit(X, y, RidgeRegressor(alpha=1e-9)).coef_.round(3)
    array([10.])
    """

    def __init__(
        self, coef: NDArray[np.float64], mean: NDArray[np.float64], intercept: float
    ) -> None:
        self.coef_, self.mean_, self.intercept_ = coef, mean, intercept

    @classmethod
    def fit(
        cls,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        line: RidgeRegressor,
        weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Fit `line` on the columns brought to one scale."""
        known = ~np.isnan(X)
        n_known = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, X, 0.0).sum(axis=0) / n_known
        centred = np.where(known, X - mean, 0.0)
        spread = np.sqrt((centred**2).sum(axis=0) / n_known)
        spread = np.where(spread > 0, spread, 1.0)
        line.fit(centred / spread, y, weight)
        return cls(line.coef_ / spread, mean, float(line.intercept_))

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """The line's value for each row, shape (n_rows,)."""
        return np.asarray(self.intercept_ + self.contribute(X).sum(axis=1), dtype=np.float64)

    def compile_row(self) -> Callable[[Sequence[float]], float]:
        """`predict` of a single row, without arrays."""
        columns = list(zip(self.mean_.tolist(), self.coef_.tolist(), strict=True))

        def score(row: Sequence[float]) -> float:
            pairs = zip(row, columns, strict=True)
            return sum(((x - m) * c for x, (m, c) in pairs if x == x), self.intercept_)

        return score

    def contribute(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the contribution of each column to the prediction, added to the intercept, shape
        of `X`: its SHAP values if the columns are taken as independent (Lundberg and Lee 2017,
        corollary 1)."""
        added: NDArray[np.float64] = np.where(np.isnan(X), 0.0, X - self.mean_) * self.coef_
        return added


def choose_penalty(folds: Sequence[FoldMatrix], aim: Aim) -> Search:
    """The penalty with the smallest mean loss over the folds, whose columns have one scale."""
    losses = np.zeros((len(folds), len(PENALTIES)))
    for i, fold in enumerate(folds):
        for j, penalty in enumerate(PENALTIES):
            line = RidgeRegressor(alpha=penalty).set_params(**aim.parameters())
            line.fit(fold.X, fold.y, fold.weight)
            losses[i, j] = fold.measure(line.predict(fold.X_judge), aim)
    if not len(folds):
        return Search(aim.parameters())
    mean = losses.mean(axis=0)
    best = int(np.argmin(mean))
    return Search(
        {**aim.parameters(), "alpha": PENALTIES[best]},
        len(PENALTIES),
        len(folds),
        "grid",
        count_rows(folds),
        float(mean[best]),
        tuple(
            SearchAttempt({"alpha": penalty}, round(float(loss), 6), len(folds))
            for penalty, loss in zip(PENALTIES, mean, strict=True)
        ),
    )
