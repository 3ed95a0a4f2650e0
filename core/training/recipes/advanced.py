"""Gradient-boosted trees (XGBoost) whose number is chosen by ordered validation."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from core.domain.job import Progress
from core.training.recipe import Recipe, Search, TrainingRows

MAX_TREES = 600
PATIENCE = 60
DEFAULT_TREES = 150


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """0/1 columns for categories, missing numbers as they are, then trees."""
    # scikit-learn and XGBoost take 5 s to import, which the menu must not cost
    from sklearn.pipeline import Pipeline

    from core.features.encoder import RowEncoder
    from core.training.trees import BoostedTrees

    model = BoostedTrees(n_trees=DEFAULT_TREES, seed=seed).set_params(**parameters)
    return Pipeline([("encode", RowEncoder(impute=False)), ("model", model)])


def search(rows: TrainingRows, seed: int, progress: Progress) -> Search:
    """The number of trees at which the mean error over the folds is smallest."""
    curves = []
    for i, (fit, judge) in enumerate(rows.folds):
        share, words = i / len(rows.folds), f"fold {i + 1} of {len(rows.folds)}"
        encode, model = (step for _, step in build(seed, {"n_trees": MAX_TREES}).steps)
        curves.append(
            model.trace(
                encode.fit_transform(rows.features.iloc[fit]),
                rows.target[fit],
                encode.transform(rows.features.iloc[judge]),
                rows.target[judge],
                patience=PATIENCE,
                watch=partial(_report, progress, share, words),
            )
        )
    if not curves:
        return Search({"n_trees": DEFAULT_TREES})
    n_tried = max(len(curve) for curve in curves)  # a fold that stopped early keeps its last error
    mean = np.mean([np.pad(curve, (0, n_tried - len(curve)), "edge") for curve in curves], axis=0)
    return Search({"n_trees": int(np.argmin(mean)) + 1}, n_tried, len(curves))


def _report(progress: Progress, share: float, words: str, n_trees: int) -> None:
    progress(share, f"choosing the number of trees: {words}, {n_trees} so far")


RECIPE = Recipe("advanced", "Gradient-boosted trees (XGBoost).", build, search)
