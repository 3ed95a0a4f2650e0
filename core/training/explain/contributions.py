"""The contribution of each raw column to a score, in points; all of them and the base add up to the
score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.artifacts.artifact import Artifact
from core.domain.sample import Features
from core.libraries import IMPORTING

if TYPE_CHECKING:
    import pandas as pd

EXACT = "SHAP values, exact for this model"
SAMPLED = "Shapley values, estimated by exchanging columns with those of training rows"
SHUFFLED = "growth of the error when a column's values are shuffled"

_KEEPS_COLUMNS = frozenset({"MaxAbsScaler", "MinMaxScaler", "RobustScaler", "StandardScaler"})
_ADDITIVE = 1e-4  # of the scale: float32 sums of hundreds of trees stay far below
_MAX_SCORED = 20_000
_N_ORDERS = 20


@dataclass(frozen=True, slots=True)
class Explanation:
    """`base` plus all contributions is `score`, which is before it was clipped to the scale."""

    base: float  # the model's score for an average row
    contributions: Mapping[str, float]  # raw column -> points, largest first
    score: float
    method: str


def explain_row(artifact: Artifact, row: Features) -> Explanation:
    """Return the contribution of each column to the score of a raw row: exact SHAP values for trees
    of XGBoost (Lundberg et al. 2020) and for linear models of standardised columns (Lundberg and
    Lee 2017, corollary 1); for any other pipeline an estimate against the card's golden rows."""
    score = float(np.asarray(artifact.pipeline.predict([row]), dtype=np.float64)[0])
    found = contribute(artifact.pipeline, [row], artifact.card.scale_high - artifact.card.scale_low)
    if found is not None:
        by_column = {name: float(values[0]) for name, values in found.items()}
        method = EXACT
    else:
        by_column, method = _sample_row(artifact, row), SAMPLED
    ranked = dict(sorted(by_column.items(), key=lambda item: -abs(item[1])))
    return Explanation(score - sum(by_column.values()), ranked, score, method)


def contribute(
    pipeline: Any, rows: "Sequence[Features] | pd.DataFrame", scale_width: float
) -> dict[str, NDArray[np.float64]] | None:
    """The SHAP values of each raw column for each row, in points; None where the pipeline is not
    one whose values are known exactly, or where they do not add up to its scores."""
    traced = trace_columns(pipeline, rows)
    if traced is None:
        return None
    matrix, names = traced
    values = _contribute_columns(pipeline, matrix)
    if values is None:
        return None
    scores = np.asarray(pipeline[-1].predict(matrix), dtype=np.float64)
    if len(scores) and np.ptp(scores - values.sum(axis=1)) > _ADDITIVE * scale_width:
        return None
    found: dict[str, NDArray[np.float64]] = {}
    for i, name in enumerate(names):
        found[name] = found.get(name, np.zeros(len(matrix))) + values[:, i]
    return found


def trace_columns(
    pipeline: Any, rows: "Sequence[Features] | pd.DataFrame"
) -> tuple[NDArray[np.float64], list[str]] | None:
    """The matrix that the last step sees, with the column of the raw row (or the feature made of
    some) behind each of its columns; None where a step mixes them or says nothing of them."""
    names: list[str] | None = None
    values: Any = rows
    for _, step in pipeline.steps[:-1]:
        values = step.transform(values)
        if hasattr(step, "get_source_names"):
            names = list(step.get_source_names())
        elif names is not None and hasattr(step, "get_support"):
            names = [name for name, kept in zip(names, step.get_support(), strict=True) if kept]
        elif names is not None and type(step).__name__ not in _KEEPS_COLUMNS:
            return None
    if names is None or np.shape(values) != (len(rows), len(names)):
        return None
    return np.asarray(values, dtype=np.float64), names


def share_contributions(found: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """Each column's share of the mean absolute contribution, largest first.

    >>> share_contributions({"a": np.array([1.0, -1.0]), "b": np.array([3.0, 3.0])})
    {'b': 0.75, 'a': 0.25}
    """
    sizes = {name: float(np.mean(np.abs(values))) for name, values in found.items()}
    total = sum(sizes.values())
    shares = {name: size / total if total > 0 else 0.0 for name, size in sizes.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _contribute_columns(pipeline: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    model = pipeline[-1]
    if hasattr(model, "booster_"):
        with IMPORTING:
            import xgboost  # a second that whoever only reads explanations must not wait for

        found = model.booster_.predict(xgboost.DMatrix(matrix), pred_contribs=True)
        values = np.asarray(found, dtype=np.float64)[:, :-1]
        line = getattr(model, "line_", None)
        return values if line is None else values + line.contribute(matrix)
    is_line = getattr(model, "coef_", np.empty(0)).ndim == 1 and hasattr(model, "intercept_")
    standardised = type(pipeline[-2]).__name__ == "StandardScaler" and pipeline[-2].with_mean
    if is_line and standardised and len(model.coef_) == matrix.shape[1]:
        return matrix * np.asarray(model.coef_, dtype=np.float64)  # the average row is all zeros
    return None


def _sample_row(artifact: Artifact, row: Features) -> dict[str, float]:
    """Shapley values by walks from golden rows to the row, one column after the other in random
    orders, each there and back (Castro, Gomez and Tejada 2009): what the score changes by at a
    column's turn, on average. Each walk ends at the row's score, so that the values add up."""
    names = list(artifact.card.features)
    golden = [known.features for known in artifact.card.golden if known.features] or [{}]
    rng = np.random.default_rng(0)
    n_orders = max(2, min(_N_ORDERS, _MAX_SCORED // (len(names) + 1)))
    total, order = np.zeros(len(names)), np.arange(len(names))
    for i in range(n_orders):
        order = rng.permutation(len(names)) if i % 2 == 0 else order[::-1]
        start = golden[(i // 2) % len(golden)]
        walk = [{**row, **{name: start.get(name) for name in names}}]
        for place in order:
            walk.append({**walk[-1], names[place]: row.get(names[place])})
        scores = np.asarray(artifact.pipeline.predict(walk), dtype=np.float64)
        total[order] += np.diff(scores)
    return dict(zip(names, (total / n_orders).tolist(), strict=True))
