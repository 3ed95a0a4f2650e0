"""A linear model that learns row by row in the order of time and forgets, for work that changes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.domain.job import Progress
from core.domain.training_report import SearchAttempt
from core.training.models.recipe import Recipe, Search, TrainingRows

FORGETTING = (1.0, 0.9995, 0.998, 0.995, 0.99)


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """Return the pipeline: medians for missing numbers, 0/1 columns for categories, one scale, then
    the model."""
    # scikit-learn takes 4 s to import, which the menu must not cost
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from core.features.encoder import RowEncoder
    from core.training.models.recursive_least_squares import ForgettingLine

    model = ForgettingLine().set_params(**parameters)
    return Pipeline([("encode", RowEncoder()), ("scale", StandardScaler()), ("model", model)])


def search(rows: TrainingRows, seed: int, progress: Progress) -> Search:
    """Choose the rate of forgetting by the mean error over the folds."""
    from core.training.models.fold_matrices import count_rows, prepare_folds
    from core.training.models.recursive_least_squares import ForgettingLine  # imports scikit-learn

    folds = prepare_folds(lambda: build(seed, {})[:-1], rows, progress)
    if not folds:
        return Search()
    losses = [
        float(
            np.mean(
                [
                    fold.measure(
                        ForgettingLine(forgetting=f).fit(fold.X, fold.y).predict(fold.X_judge),
                        rows.aim,
                    )
                    for fold in folds
                ]
            )
        )
        for f in FORGETTING
    ]
    best = int(np.argmin(losses))
    return Search(
        {"forgetting": FORGETTING[best]},
        len(FORGETTING),
        len(folds),
        "grid",
        count_rows(folds),
        losses[best],
        tuple(
            SearchAttempt({"forgetting": f}, round(loss, 6), len(folds))
            for f, loss in zip(FORGETTING, losses, strict=True)
        ),
    )


RECIPE = Recipe("online", "A line that learns in the order of time and forgets.", build, search)
