"""A line that learns row by row and forgets what is long past."""

from collections.abc import Callable, Sequence
from operator import mul
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

_FIRM = 1e-4  # rows that say 0 for a coefficient of which no row says anything


class ForgettingLine(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Least squares with exponential forgetting (Ljung and Söderström 1983), as the sums of the
    normal equations: a row counts `forgetting` times as much as the one after it, so that 0.99
    remembers about 100 rows and 1 all of them. What no row shows, such as the difference between
    a constant column and the offset, stays at 0, and keeps nothing else from being forgotten.
    `fit` takes the rows in their order, which is that of time; `partial_fit` goes on.

    >>> X = np.ones((400, 1)); y = np.repeat([10.0, 50.0], 200)
    >>> models = [ForgettingLine(forgetting=f).fit(X, y) for f in (1, 0.95)]
    >>> [model.predict([[1.0]]).round().tolist() for model in models]
    [[30.0], [50.0]]
    """

    def __init__(self, *, forgetting: float = 0.999) -> None:
        self.forgetting = forgetting

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from the rows, the oldest first."""
        n_columns = np.shape(X)[1] + 1 if np.ndim(X) == 2 else 1
        self.products_ = np.zeros((n_columns, n_columns))
        self.moments_ = np.zeros(n_columns)
        return self.partial_fit(X, y)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go on with newer rows."""
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        rows = np.hstack([X, np.ones((len(X), 1))])
        weighed = rows * self.forgetting ** np.arange(len(rows) - 1, -1, -1.0)[:, None]
        left = self.forgetting ** len(rows)
        self.products_ = left * self.products_ + weighed.T @ rows
        self.moments_ = left * self.moments_ + weighed.T @ np.asarray(y, dtype=np.float64)
        firm = self.products_ + _FIRM * np.eye(len(self.moments_))
        self.weights_ = np.linalg.solve(firm, self.moments_)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        scores: NDArray[np.float64] = X @ self.weights_[:-1] + self.weights_[-1]
        return scores

    def compile_row(self) -> Callable[[Sequence[float]], float]:
        """`predict` of a single row, without arrays."""
        *weights, offset = self.weights_.tolist()
        return lambda row: sum(map(mul, row, weights), offset)
