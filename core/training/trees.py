"""Gradient-boosted trees as a scikit-learn regressor that is saved in XGBoost's stable format."""

import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from core.artifacts.trees import RowModel, compile_forest, read_booster

_CELLS_FOR_THREADS = 5_000_000


class BoostedTrees(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """XGBoost on a float matrix; nan is missing.

    Beside the library's own wrapper it keeps the booster as UBJSON, which later versions of XGBoost
    read, and scores with one thread: threads that wait for each other cost more than they bring on
    the few rows of a request.

    >>> X = np.arange(100.0)[:, None]
    >>> model = BoostedTrees(n_trees=50, min_child_weight=1).fit(X, X[:, 0] ** 2)
    >>> bool(abs(model.predict([[50.0]])[0] - 2500) < 300)
    True
    """

    def __init__(
        self,
        *,
        n_trees: int = 150,
        objective: str = "reg:squarederror",
        learning_rate: float = 0.05,
        max_depth: int = 4,
        min_child_weight: float = 3.0,
        subsample: float = 0.8,
        colsample: float = 0.8,
        reg_lambda: float = 1.0,
        max_bin: int = 64,
        seed: int = 0,
    ) -> None:
        self.n_trees = n_trees
        self.objective = objective
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample = colsample
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Self:
        """Grow the trees."""
        X, y = validate_data(
            self, X, y, ensure_all_finite="allow-nan", y_numeric=True, dtype=np.float64
        )
        data = xgboost.QuantileDMatrix(X, y, max_bin=self.max_bin, nthread=choose_threads(X.size))
        self.booster_ = xgboost.train(self._parameters(X.size), data, self.n_trees)
        self.booster_.set_param({"nthread": 1})
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""
        check_is_fitted(self)
        X = validate_data(self, X, ensure_all_finite="allow-nan", dtype=np.float64, reset=False)
        return np.asarray(self.booster_.inplace_predict(X), dtype=np.float64)

    def compile_row(self) -> RowModel:
        """`predict` of a single row as a plain function. Raises `ValueError` where the objective
        does more than add up leaves."""
        return compile_forest(read_booster(bytes(self.booster_.save_raw("json"))))

    def trace(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        X_judge: NDArray[np.float64],
        y_judge: NDArray[np.float64],
        *,
        patience: int,
        watch: Callable[[int], None],
    ) -> NDArray[np.float64]:
        """The MAE on the rows to judge after 1, 2, ... trees, until `patience` trees have brought
        nothing. `watch` gets the number of trees every 50 trees and may raise to stop."""
        n_threads = choose_threads(X.size)
        data = xgboost.QuantileDMatrix(X, y, max_bin=self.max_bin, nthread=n_threads)
        judge = xgboost.QuantileDMatrix(
            X_judge, y_judge, ref=data, max_bin=self.max_bin, nthread=n_threads
        )
        found: dict[str, dict[str, list[float]]] = {}
        xgboost.train(
            self._parameters(X.size) | {"eval_metric": "mae"},
            data,
            self.n_trees,
            evals=[(judge, "judge")],
            early_stopping_rounds=patience,
            evals_result=found,
            verbose_eval=False,
            callbacks=[_Watch(watch)],
        )
        return np.array(found["judge"]["mae"])

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = bytes(state["booster_"].save_raw("ubj"))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "booster_" in state:
            booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(state["booster_"]))
            state = state | {"booster_": booster}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _parameters(self, n_cells: int) -> dict[str, Any]:
        return {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample,
            "reg_lambda": self.reg_lambda,
            "tree_method": "hist",
            "max_bin": self.max_bin,
            "seed": self.seed,
            "nthread": choose_threads(n_cells),
        }


def choose_threads(n_cells: int) -> int:
    """How many threads train on a matrix of so many cells: one for few cells or on two cores, where
    the threads' waiting for each other has cost 3 to 4 times the time; half the cores otherwise.

    >>> choose_threads(10_000)
    1
    """
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return 1 if n_cells < _CELLS_FOR_THREADS or n_cores <= 2 else min(8, n_cores // 2)


class _Watch(xgboost.callback.TrainingCallback):
    def __init__(self, watch: Callable[[int], None]) -> None:
        self.watch = watch

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        if epoch % 50 == 0:
            self.watch(epoch)
        return False
