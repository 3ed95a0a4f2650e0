"""The recipe `baseline`: linear regression on the raw features, which others have to beat."""

from collections.abc import Mapping
from typing import Any

from core.domain.job import Progress
from core.training.models.objective import OBJECTIVES
from core.training.models.recipe import Recipe, Search, TrainingRows


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """Return the pipeline: medians for missing numbers, 0/1 columns for categories, one scale, then
    least squares with a penalty (ridge). The smallest penalty only matters for collinear columns; a
    larger one keeps a thousand columns from overfitting a few hundred rows."""
    # scikit-learn takes 4 s to import, which the menu must not cost
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from core.features.encoder import RowEncoder
    from core.training.models.ridge import RidgeRegressor

    model = RidgeRegressor().set_params(**parameters)
    return Pipeline([("encode", RowEncoder()), ("scale", StandardScaler()), ("model", model)])


def search(rows: TrainingRows, seed: int, progress: Progress) -> Search:
    """Choose the penalty with the smallest mean loss over the folds."""
    from core.training.models.fold_matrices import prepare_folds
    from core.training.models.ridge import choose_penalty  # imports scikit-learn

    folds = prepare_folds(lambda: build(seed, {})[:-1], rows, progress)
    return choose_penalty(folds, rows.aim)


RECIPE = Recipe(
    "baseline",
    "Linear regression on the raw features.",
    build,
    search,
    objectives=tuple(OBJECTIVES),
)
