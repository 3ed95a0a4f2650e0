"""Steps and models of scikit-learn as functions of one row's numbers."""

from collections.abc import Callable, Sequence
from operator import itemgetter, mul
from typing import Any

from core.artifacts.row_model import RowModel, Values
from core.artifacts.trees import CompiledForest, Forest, Tree

RowStep = Callable[[Any], Any]
"""What one row is before a step -> what it is after it."""

_LINEAR = frozenset({"ElasticNet", "Lasso", "LinearRegression", "Ridge"})


def compile_step(step: Any) -> RowStep | None:
    """A transforming step as a function of one row; None where there is no such function."""
    if hasattr(step, "compile_row"):
        compiled: RowStep = step.compile_row()
        return compiled
    if type(step).__name__ == "StandardScaler":
        return _compile_scaler(step)
    if hasattr(step, "get_support"):
        return _compile_selector([int(place) for place in step.get_support(indices=True)])
    return None


def compile_model(model: Any) -> RowModel | None:
    """The last step as a function from a row's numbers to its score; None where there is none."""
    if hasattr(model, "compile_row"):
        compiled: RowModel = model.compile_row()
        return compiled
    name = type(model).__name__
    if name in _LINEAR and model.coef_.ndim == 1:
        return _compile_linear(model.coef_.tolist(), float(model.intercept_))
    if name in {"RandomForestRegressor", "ExtraTreesRegressor"} and model.n_outputs_ == 1:
        return _compile_mean_of_trees(model)
    if name == "HistGradientBoostingRegressor" and model.loss == "squared_error":
        return _compile_histogram_boosting(model)
    return None


def _compile_scaler(step: Any) -> RowStep | None:
    if step.mean_ is None or step.scale_ is None:
        return None
    columns = list(zip(step.mean_.tolist(), step.scale_.tolist(), strict=True))

    def scale(values: Values) -> list[float]:
        return [(x - mean) / width for x, (mean, width) in zip(values, columns, strict=True)]

    return scale


def _compile_selector(places: Sequence[int]) -> RowStep:
    if len(places) == 1:
        [only] = places
        return lambda values: [values[only]]
    pick = itemgetter(*places)
    return lambda values: pick(values)


def _compile_linear(weights: list[float], offset: float) -> RowModel:
    return lambda values: sum(map(mul, values, weights), offset)


def _compile_mean_of_trees(model: Any) -> RowModel:
    """A forest of scikit-learn: 32-bit values against 64-bit thresholds, missing to the side that
    was learned; the mean of the trees' leaves."""
    n = len(model.estimators_)
    trees = []
    for estimator in model.estimators_:
        nodes = estimator.tree_
        trees.append(
            Tree(
                feature=[max(place, 0) for place in nodes.feature.tolist()],
                threshold=nodes.threshold.tolist(),
                left=nodes.children_left.tolist(),
                right=nodes.children_right.tolist(),
                missing_left=nodes.missing_go_to_left.astype(bool).tolist(),
                value=(nodes.value[:, 0, 0] / n).tolist(),
            )
        )
    return CompiledForest(Forest(trees, 0.0, model.n_features_in_, True, "f", "d"))


def _compile_histogram_boosting(model: Any) -> RowModel | None:
    predictors = [stage[0] for stage in model._predictors]
    if any(predictor.nodes["is_categorical"].any() for predictor in predictors):
        return None
    trees = []
    for predictor in predictors:
        nodes = predictor.nodes
        is_leaf = nodes["is_leaf"].astype(bool)
        left = nodes["left"].astype(int)
        left[is_leaf] = -1
        trees.append(
            Tree(
                feature=nodes["feature_idx"].tolist(),
                threshold=nodes["num_threshold"].tolist(),
                left=left.tolist(),
                right=nodes["right"].tolist(),
                missing_left=nodes["missing_go_to_left"].astype(bool).tolist(),
                value=nodes["value"].tolist(),
            )
        )
    offset = float(model._baseline_prediction.ravel()[0])
    return CompiledForest(Forest(trees, offset, model.n_features_in_, True, "d", "d"))
