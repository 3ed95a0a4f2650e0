"""A weighted mean of ridge regression and boosted trees; the folds choose the weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.domain.job import Progress, part_of
from core.domain.training_report import SearchAttempt
from core.training.models.objective import OBJECTIVES
from core.training.models.recipe import Recipe, Search, TrainingRows

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the trees


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """Return the pipeline: medians for missing numbers, 0/1 columns for categories, one scale, then
    both models."""
    # scikit-learn and XGBoost take 5 s to import, which the menu must not cost
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from core.features.encoder import RowEncoder
    from core.training.models.blend import Blend
    from core.training.models.ridge import RidgeRegressor
    from core.training.models.trees import BoostedTrees

    model = Blend(line=RidgeRegressor(), trees=BoostedTrees(seed=seed)).set_params(**parameters)
    return Pipeline([("encode", RowEncoder()), ("scale", StandardScaler()), ("model", model)])


def search(rows: TrainingRows, seed: int, progress: Progress) -> Search:
    """Choose the parameters of each by the mean loss over the folds, then the weight of the
    trees."""
    # these import scikit-learn and XGBoost
    from core.training.models.boosting import search_few
    from core.training.models.fold_matrices import prepare_folds
    from core.training.models.ridge import choose_penalty
    from core.training.models.trees import BoostedTrees

    folds = prepare_folds(lambda: build(seed, {})[:-1], rows, part_of(progress, 0.0, 0.1))
    line = choose_penalty(folds, rows.aim)
    given = _prefix("line", line.parameters) | _prefix("trees", rows.aim.parameters())
    if not folds:
        return Search(given)
    depths = [{"max_depth": depth} for depth in (2, 4, 6)]
    model = BoostedTrees(seed=seed)
    trees = search_few(model, rows.aim.parameters(), depths, folds, part_of(progress, 0.1, 1.0))
    given |= _prefix("trees", trees.parameters)
    losses = np.zeros(len(SHARES))
    for fold in folds:
        blend = build(seed, given)[-1].fit(fold.X, fold.y, fold.weight)
        losses += [
            fold.measure(blend.set_params(share=share).predict(fold.X_judge), rows.aim)
            for share in SHARES
        ]
    best = int(np.argmin(losses))
    return Search(
        {**given, "share": SHARES[best]},
        line.n_combinations + trees.n_combinations + len(SHARES),
        len(folds),
        "grid",
        trees.n_rows,
        float(losses[best] / len(folds)),
        tuple(
            SearchAttempt({"share": share}, round(float(loss), 6), len(folds))
            for share, loss in zip(SHARES, losses / len(folds), strict=True)
        ),
    )


def _prefix(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}__{key}": value for key, value in parameters.items()}


RECIPE = Recipe(
    "ensemble",
    "The mean of a line and boosted trees.",
    build,
    search,
    objectives=tuple(OBJECTIVES),
)
