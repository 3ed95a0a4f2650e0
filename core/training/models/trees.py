"""Gradient-boosted trees as a scikit-learn regressor that is saved in XGBoost's stable format."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from core.artifacts.row_model import RowModel, WeightedSum
from core.artifacts.trees import CompiledForest, read_booster
from core.training.models.fold_matrices import FoldMatrix
from core.training.models.objective import (
    ABSOLUTE,
    SQUARED,
    TOLERANCE,
    Aim,
    center_residuals,
    densest_centre,
    measure_loss,
    pull,
)
from core.training.models.parallel import count_cores
from core.training.models.ridge import CompleteLine, RidgeRegressor

CONSTANT, LINE = "constant", "line"
"""What the trees start from."""

STEP = 10
"""A trace is measured after every so many trees."""

_CELLS_FOR_THREADS = 5_000_000
_LOSSES = {SQUARED: "reg:squarederror", ABSOLUTE: "reg:absoluteerror"}


@dataclass(frozen=True, slots=True)
class Binned:
    """The rows of a fold in bins, made once for every boosting on them; not to be shared by
    threads."""

    fit: xgboost.QuantileDMatrix
    judge: xgboost.QuantileDMatrix
    group: NDArray[np.int64] | None  # of the rows to judge


class BoostedTrees(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """XGBoost on a float matrix; nan is missing.

    Beside the library's own wrapper it keeps the booster as UBJSON, which later versions of XGBoost
    read, scores with one thread (threads that wait for each other cost more than they bring on the
    few rows of a request), and knows the objectives of `core.training.models.objective`:
    "tolerance" starts at the densest window's centre and follows the gradient of `pull`; others are
    taken as XGBoost's own. With `start="line"` the trees correct a `CompleteLine` instead of a
    constant: they need a hundred steps to imitate what a slope says at once.

    >>> X = np.arange(100.0)[:, None]
    >>> model = BoostedTrees(n_trees=50, min_child_weight=1).fit(X, X[:, 0] ** 2)
    >>> bool(abs(model.predict([[50.0]])[0] - 2500) < 300)
    True
    """

    def __init__(
        self,
        *,
        n_trees: int = 150,
        objective: str = SQUARED,
        tolerance: float = 5.0,
        learning_rate: float = 0.05,
        max_depth: int = 4,
        min_child_weight: float = 3.0,
        subsample: float = 0.8,
        colsample: float = 0.8,
        reg_lambda: float = 1.0,
        max_bin: int = 64,
        start: str = CONSTANT,
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        self.n_trees = n_trees
        self.objective = objective
        self.tolerance = tolerance
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample = colsample
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.start = start
        self.device = device
        self.seed = seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the trees."""
        X, y = validate_data(
            self, X, y, ensure_all_finite="allow-nan", y_numeric=True, dtype=np.float64
        )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        if self.start == LINE:
            self.line_ = self._fit_line(X, y, sample_weight)
            y = y - self.line_.predict(X)
        n_threads = choose_threads(X.size)
        data = xgboost.QuantileDMatrix(
            X, y, weight=sample_weight, max_bin=self.max_bin, nthread=n_threads
        )
        booster = self._start(data, n_threads)
        for i in range(self.n_trees):
            booster.update(data, i, self._gradient())
        self._keep(booster)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""
        check_is_fitted(self)
        X = validate_data(self, X, ensure_all_finite="allow-nan", dtype=np.float64, reset=False)
        return self.predict_matrix(X)

    def predict_matrix(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """`predict` of numbers that are known to be such, as what encodes rows makes them."""
        scores = np.asarray(self.booster_.inplace_predict(X), dtype=np.float64)
        return scores + self.line_.predict(X) if self.start == LINE else scores

    def compile_row(self) -> RowModel:
        """`predict` of a single row as a plain function. Raises `ValueError` where the objective
        does more than add up leaves."""
        trees = CompiledForest(read_booster(bytes(self.booster_.save_raw("json"))))
        if self.start == CONSTANT:
            return trees
        return WeightedSum([(1.0, trees), (1.0, self.line_.compile_row())])

    def shift(self, points: float) -> None:
        """Add a constant to every score from now on."""
        check_is_fitted(self)
        model = json.loads(self.booster_.save_raw("json"))
        start = model["learner"]["learner_model_param"]
        start["base_score"] = json.dumps([json.loads(start["base_score"])[0] + points])
        self._keep(xgboost.Booster(model_file=bytearray(json.dumps(model).encode())))

    def bin(self, fold: FoldMatrix) -> Binned:
        """The rows of a fold in bins that only the rows to fit on decide."""
        y, y_judge = fold.y, fold.y_judge
        if self.start == LINE:
            line = self._fit_line(fold.X, y, fold.weight)
            y = y - line.predict(fold.X)
            y_judge = y_judge - line.predict(fold.X_judge)
        limits = {"max_bin": self.max_bin, "nthread": 1}
        data = xgboost.QuantileDMatrix(fold.X, y, weight=fold.weight, **limits)
        judge = xgboost.QuantileDMatrix(fold.X_judge, y_judge, ref=data, **limits)
        return Binned(data, judge, fold.group)

    def trace(
        self, rows: Binned, *, patience: int, watch: Callable[[int], None]
    ) -> NDArray[np.float64]:
        """The loss on the rows to judge after 10, 20, ... trees, by one boosting on one thread
        whose beginnings are all the smaller models; until `patience` trees have brought nothing.
        `watch` gets the number of trees after every ten and may raise to stop."""
        aim = Aim(self.objective, self.tolerance)
        actual = np.asarray(rows.judge.get_label(), dtype=np.float64)
        booster = self._start(rows.fit, 1, rows.judge)
        losses: list[float] = []
        for i in range(self.n_trees):
            booster.update(rows.fit, i, self._gradient())
            if (i + 1) % STEP:
                continue
            scores = booster.predict(rows.judge, output_margin=True)
            losses.append(measure_loss(center_residuals(actual - scores, rows.group), aim))
            watch(i + 1)
            if (len(losses) - 1 - int(np.argmin(losses))) * STEP >= patience:
                break
        return np.array(losses)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = bytes(state["booster_"].save_raw("ubj"))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = {"start": CONSTANT, **state}  # older ones always began at a constant
        if "booster_" in state:
            booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(state["booster_"]))
            state = state | {"booster_": booster}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit_line(
        self, X: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64] | None
    ) -> CompleteLine:
        return CompleteLine.fit(
            X, y, RidgeRegressor(objective=self.objective, tolerance=self.tolerance), weight
        )

    def _start(
        self, data: xgboost.QuantileDMatrix, n_threads: int, *others: xgboost.QuantileDMatrix
    ) -> xgboost.Booster:
        return xgboost.Booster(
            {
                **self._first_guess(data),
                "learning_rate": self.learning_rate,
                "max_depth": self.max_depth,
                "min_child_weight": self.min_child_weight,
                "subsample": self.subsample,
                "colsample_bytree": self.colsample,
                "reg_lambda": self.reg_lambda,
                "tree_method": "hist",
                "max_bin": self.max_bin,
                "seed": self.seed,
                "device": self.device,
                "nthread": n_threads,
                "verbosity": 0,
            },
            [data, *others],
        )

    def _first_guess(self, data: xgboost.QuantileDMatrix) -> dict[str, Any]:
        if self.objective != TOLERANCE:
            return {"objective": _LOSSES.get(self.objective, self.objective)}
        centre = densest_centre(np.asarray(data.get_label(), dtype=np.float64), self.tolerance)
        return {"objective": _LOSSES[SQUARED], "base_score": centre}

    def _gradient(self) -> Callable[..., tuple[Any, Any]] | None:
        """For the objective that XGBoost does not know."""
        if self.objective != TOLERANCE:
            return None

        def follow(scores: Any, data: xgboost.DMatrix) -> tuple[Any, Any]:
            residuals = data.get_label() - scores
            weight = data.get_weight()
            pulls = pull(residuals, self.tolerance) * (weight if len(weight) else 1.0)
            return -residuals * pulls, pulls

        return follow

    def _keep(self, booster: xgboost.Booster) -> None:
        booster.set_param({"nthread": 1, "device": "cpu"})
        self.booster_ = booster


def choose_threads(n_cells: int) -> int:
    """Return the number of threads that train on a matrix of so many cells: one for few cells or on
    two cores, where waiting for each other costs 3 to 4 times the time; half the cores otherwise.

    >>> choose_threads(10_000)
    1
    """
    n_cores = count_cores()
    return 1 if n_cells < _CELLS_FOR_THREADS or n_cores <= 2 else min(8, n_cores // 2)


def find_device(wanted: str) -> tuple[str, str]:
    """The device that XGBoost really trains on where `wanted` ("cpu" or "cuda") is asked for, and a
    sentence that says so; XGBoost itself falls back to the processor with no more than a warning.

    >>> find_device("cpu")
    ('cpu', 'XGBoost trains on the processor.')
    """
    if wanted == "cpu":
        return "cpu", "XGBoost trains on the processor."
    data = xgboost.DMatrix(np.zeros((2, 1)), np.array([0.0, 1.0]))
    try:
        with xgboost.config_context(verbosity=0):  # it would warn; the sentence says it better
            tried = xgboost.train({"device": wanted}, data, 1)
    except xgboost.core.XGBoostError:
        used = "cpu"
    else:
        used = json.loads(tried.save_config())["learner"]["generic_param"]["device"]
    if used.startswith("cuda"):
        return "cuda", "XGBoost trains on the GPU."
    return "cpu", (
        "PLUMBLINE_DEVICE asks for a GPU, but XGBoost finds none: it trains on the processor. "
        "Check the driver with nvidia-smi, or set PLUMBLINE_DEVICE=cpu."
    )
