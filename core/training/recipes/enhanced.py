"""Ridge regression or boosted trees on the enhanced features, whichever the folds prefer."""

from collections.abc import Mapping
from typing import Any

from core.domain.job import Progress, part_of
from core.domain.training_report import SearchAttempt
from core.training.models.objective import OBJECTIVES
from core.training.models.recipe import Recipe, Search, TrainingRows

LINE, TREES = "line", "trees"
DEPTHS = (2, 4)


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """Return the pipeline: the enhanced features, medians for missing numbers, 0/1 columns for
    categories, one scale, then the model `parameters["model"]`."""
    # scikit-learn and XGBoost take 5 s to import, which the menu must not cost
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from core.features.encoder import RowEncoder
    from core.features.enhanced import EnhancedFeatures
    from core.training.models.ridge import RidgeRegressor
    from core.training.models.trees import BoostedTrees

    given = dict(parameters)
    model = RidgeRegressor() if given.pop("model", LINE) == LINE else BoostedTrees(seed=seed)
    return Pipeline(
        [
            ("enhance", EnhancedFeatures()),
            ("encode", RowEncoder()),
            ("scale", StandardScaler()),
            ("model", model.set_params(**given)),
        ]
    )


def search(rows: TrainingRows, seed: int, progress: Progress) -> Search:
    """Choose the penalty of ridge, the depth and number of trees, and the better model, by the mean
    loss over the folds."""
    # these import scikit-learn and XGBoost
    from core.training.models.boosting import search_few
    from core.training.models.fold_matrices import prepare_folds
    from core.training.models.ridge import choose_penalty
    from core.training.models.trees import BoostedTrees

    folds = prepare_folds(lambda: build(seed, {})[:-1], rows, part_of(progress, 0.0, 0.1))
    line = choose_penalty(folds, rows.aim)
    if not folds:
        return line
    depths = [{"max_depth": depth} for depth in DEPTHS]
    later = part_of(progress, 0.1, 1.0)
    trees = search_few(BoostedTrees(seed=seed), rows.aim.parameters(), depths, folds, later)
    name, best = min(((LINE, line), (TREES, trees)), key=lambda pair: pair[1].loss or 0.0)
    return Search(
        {**best.parameters, "model": name},
        line.n_combinations + trees.n_combinations,
        len(folds),
        "grid",
        best.n_rows,
        best.loss,
        tuple(
            SearchAttempt({"model": of, **attempt.parameters}, attempt.loss, attempt.n_folds)
            for of, search in ((LINE, line), (TREES, trees))
            for attempt in search.attempts
        ),
    )


RECIPE = Recipe(
    "enhanced",
    "A line or boosted trees on the enhanced features.",
    build,
    search,
    objectives=tuple(OBJECTIVES),
)
