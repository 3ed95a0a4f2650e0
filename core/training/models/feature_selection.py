"""Feature selection inside a pipeline: the columns that say more than their own shuffled copies."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from core.training.models.ridge import CompleteLine, RidgeRegressor

MAX_ROWS = 10_000
_ROUNDS, _TREES = 3, 120
_SLOPE, _GAIN = 4.0, 2.0

_Floats = NDArray[np.float64]


class StrongColumns(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Keeps a column where, beside shuffled copies of all columns (Boruta, Kursa and Rudnicki
    2010), either its slope in a line, times its spread, is over 4 times what slopes of copies are
    on average (root mean square: four standard errors), or its gain in a small boosting on what
    the line leaves is over twice the largest of its own copy in three rounds; where no column is
    kept, the strongest one. Being a step of the pipeline, it only ever sees the rows that are
    fitted on: a fold's own, never those that judge. More than 10,000 rows are thinned out evenly.

    Attributes: `kept_` (places of the columns that are kept), `slope_` and `gain_` (of each column,
    in multiples of its bar).

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 6))
    >>> StrongColumns().fit(X, X[:, 1] + np.abs(X[:, 4])).kept_.tolist()
    [1, 4]
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Self:
        """Choose the columns."""
        X, y = validate_data(
            self, X, y, ensure_all_finite="allow-nan", y_numeric=True, dtype=np.float64
        )
        step = -(-len(X) // MAX_ROWS)
        X, y = X[::step], y[::step]
        rounds = np.array([_measure(X, y, self.seed + i) for i in range(_ROUNDS)])
        own, shuffled = rounds[..., : X.shape[1]], rounds[..., X.shape[1] :]
        usual = np.sqrt(np.mean(shuffled[:, 0] ** 2))
        self.slope_: _Floats = _divide(own[:, 0].mean(axis=0), _SLOPE * usual)
        self.gain_: _Floats = _divide(own[:, 1].mean(axis=0), _GAIN * shuffled[:, 1].max(axis=0))
        strength = np.maximum(self.slope_, self.gain_)
        kept = np.flatnonzero(strength > 1)
        self.kept_ = kept if len(kept) else np.array([int(np.argmax(strength))])
        return self

    def transform(self, X: Any) -> _Floats:
        """The columns that are kept, shape (n_rows, len(kept_))."""
        check_is_fitted(self)
        X = validate_data(self, X, ensure_all_finite="allow-nan", dtype=np.float64, reset=False)
        kept: _Floats = X[:, self.kept_]
        return kept

    def compile_row(self) -> Callable[[Sequence[float]], list[float]]:
        """Return `transform` as a function of a single row, without arrays."""
        check_is_fitted(self)
        places = self.kept_.tolist()
        return lambda row: [row[place] for place in places]

    def get_support(self) -> NDArray[np.bool_]:
        """Return a mask of the kept columns, shape (n_columns,)."""
        check_is_fitted(self)
        return np.isin(np.arange(self.n_features_in_), self.kept_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags


def _measure(X: _Floats, y: _Floats, seed: int) -> tuple[_Floats, _Floats]:
    """The slope (times the spread) and the gain of each column and then of each shuffled copy."""
    both = np.hstack([X, np.random.default_rng(seed).permuted(X, axis=0)])
    line = CompleteLine.fit(both, y, RidgeRegressor())
    data = xgboost.QuantileDMatrix(both, y - line.predict(both), max_bin=64, nthread=1)
    parameters = {
        "max_depth": 4,
        "learning_rate": 0.1,
        "subsample": 0.8,
        "colsample_bytree": 0.5,
        "min_child_weight": 3,
        "max_bin": 64,
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
    found = xgboost.train(parameters, data, _TREES).get_score(importance_type="total_gain")
    gains = [found.get(f"f{i}", 0.0) for i in range(both.shape[1])]
    return line.contribute(both).std(axis=0), np.array(gains, dtype=np.float64)


def _divide(values: _Floats, bar: Any) -> _Floats:
    """In multiples of the bar; a bar of 0 is passed by anything above 0."""
    found: _Floats = values / np.maximum(bar, 1e-12)
    return found
