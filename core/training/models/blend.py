"""A weighted mean of a line and boosted trees."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from core.artifacts.row_model import RowModel, WeightedSum
from core.training.models.ridge import RidgeRegressor
from core.training.models.trees import BoostedTrees


class Blend(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """`share` of the trees' score and the rest of the line's; both are fitted on the same rows.
    Errors of two models that err differently partly cancel (Perrone and Cooper 1993).

    >>> X = np.arange(60.0)[:, None]
    >>> model = Blend(line=RidgeRegressor(), trees=BoostedTrees(n_trees=5), share=0.0)
    >>> model = model.fit(X, 2 * X[:, 0])
    >>> model.predict([[10.0]]).round().tolist()
    [20.0]
    """

    def __init__(self, *, line: RidgeRegressor, trees: BoostedTrees, share: float = 0.5) -> None:
        self.line = line
        self.trees = trees
        self.share = share

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit both."""
        self.line_ = clone(self.line).fit(X, y, sample_weight)
        self.trees_ = clone(self.trees).fit(X, y, sample_weight)
        self.n_features_in_ = self.trees_.n_features_in_
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""
        check_is_fitted(self)
        scores: NDArray[np.float64] = (1 - self.share) * self.line_.predict(
            X
        ) + self.share * self.trees_.predict(X)
        return scores

    def shift(self, points: float) -> None:
        """Add a constant to every score from now on."""
        self.line_.shift(points)
        self.trees_.shift(points)

    def compile_row(self) -> RowModel:
        """`predict` of a single row, without arrays."""
        line, trees = self.line_.compile_row(), self.trees_.compile_row()
        return WeightedSum([(1 - self.share, line), (self.share, trees)])
