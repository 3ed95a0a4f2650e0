"""Gradient-boosted trees (XGBoost) on selected columns, chosen from a grid by ordered folds."""

from collections.abc import Mapping
from typing import Any

from core.domain.job import Progress
from core.training.models.objective import OBJECTIVES
from core.training.models.recipe import Recipe, Search, TrainingRows

DEFAULT_TREES = 150


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """Return the pipeline: 0/1 columns for categories, missing numbers as they are, the columns
    that beat their shuffled copies, then trees."""
    # scikit-learn and XGBoost take 5 s to import, which the menu must not cost
    from sklearn.pipeline import Pipeline

    from core.features.encoder import RowEncoder
    from core.training.models.feature_selection import StrongColumns
    from core.training.models.trees import BoostedTrees

    model = BoostedTrees(n_trees=DEFAULT_TREES, seed=seed).set_params(**parameters)
    return Pipeline(
        [
            ("encode", RowEncoder(impute=False)),
            ("select", StrongColumns(seed=seed)),
            ("model", model),
        ]
    )


def search(rows: TrainingRows, seed: int, progress: Progress) -> Search:
    """Search the grid of 81 combinations, or smartly on the same budget; each fold selects columns
    from the rows it fits on."""
    from core.training.models.boosting import search_boosting  # imports XGBoost

    return search_boosting(lambda parameters: build(seed, parameters), rows, seed, progress)


RECIPE = Recipe(
    "advanced",
    "Gradient-boosted trees (XGBoost) on selected columns.",
    build,
    search,
    objectives=tuple(OBJECTIVES),
)
