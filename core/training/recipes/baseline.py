"""Linear regression on the raw features: what anything more elaborate has to beat."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.domain.job import Progress
from core.training.recipe import Recipe, Search, TrainingRows

PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10_000.0)


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """Medians for missing numbers, 0/1 columns for categories, all on one scale, then least squares
    with a penalty (ridge). The smallest penalty only matters where columns say the same thing; a
    larger one keeps a thousand columns from learning a few hundred rows by heart."""
    # scikit-learn takes 4 s to import, which the menu must not cost
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from core.features.encoder import RowEncoder

    model = Ridge(alpha=PENALTIES[0]).set_params(**parameters)
    return Pipeline([("encode", RowEncoder()), ("scale", StandardScaler()), ("model", model)])


def search(rows: TrainingRows, seed: int, progress: Progress) -> Search:
    """The penalty with the smallest mean error over the folds."""
    errors = np.zeros((len(rows.folds), len(PENALTIES)))
    for i, (fit, judge) in enumerate(rows.folds):
        progress(i / len(rows.folds), f"choosing the penalty: fold {i + 1} of {len(rows.folds)}")
        pipeline = build(seed, {})
        prepare, model = pipeline[:-1], pipeline[-1]
        matrix = prepare.fit_transform(rows.features.iloc[fit])
        judged = prepare.transform(rows.features.iloc[judge])
        for j, penalty in enumerate(PENALTIES):
            model.set_params(alpha=penalty).fit(matrix, rows.target[fit])
            errors[i, j] = np.mean(np.abs(model.predict(judged) - rows.target[judge]))
    if not rows.folds:
        return Search()
    best = PENALTIES[int(np.argmin(errors.mean(axis=0)))]
    return Search({"alpha": best}, len(PENALTIES), len(rows.folds))


RECIPE = Recipe("baseline", "Linear regression on the raw features.", build, search)
