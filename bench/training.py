"""The search of 81 combinations by 5 folds on 1,200 x 19 rows, beside scikit-learn's GridSearchCV.

`python -m bench.training [ninth|whole]`: both use both cores, in the same run; the peer tries a
ninth of the combinations (times nine) unless told to try all of them."""

import json
import statistics
import sys
import time

import numpy as np
import pandas as pd
import xgboost
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_score

from core.training.boosting_search import GRID, TREES
from core.training.folds import split_folds
from core.training.recipe import TrainingRows
from core.training.recipes.advanced import RECIPE

N_ROWS, N_COLUMNS, ROUNDS = 1_200, 19, 3
SETTINGS = (("loky", 2), ("threading", 2), ("threading", 1))  # how, and n_jobs


def generate() -> TrainingRows:
    """Nineteen columns of which nine matter: in slopes, bends and a product."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N_ROWS, N_COLUMNS))
    y = 55 + X[:, :5] @ np.arange(5.0, 0.0, -1) + 4 * np.abs(X[:, 5]) + 3 * X[:, 6] * X[:, 7]
    y += 2 * np.maximum(X[:, 8], 0) + rng.normal(0, 4, N_ROWS)
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(N_COLUMNS)])
    return TrainingRows(frame, y, split_folds(None, np.arange(N_ROWS), seed=0))


def search_with_peer(rows: TrainingRows, how: str, n_jobs: int, ninth: bool) -> tuple[float, float]:
    """Seconds for all 81 combinations, and the best score (MAE)."""
    part = np.empty(N_ROWS, dtype=np.int64)
    for i, (_, judge) in enumerate(rows.folds):
        part[judge] = i
    grid = {name: list(values) for name, values in GRID.items()} | {"n_estimators": list(TREES)}
    if ninth:  # every number of trees and depth, the middle of the others
        grid |= {name: [grid[name][1]] for name in ("learning_rate", "subsample")}
    model = xgboost.XGBRegressor(tree_method="hist", n_jobs=1)
    search = GridSearchCV(
        model,
        grid,
        scoring="neg_mean_absolute_error",
        cv=PredefinedSplit(part),
        n_jobs=n_jobs,
        refit=False,
    )
    started = time.perf_counter()
    with parallel_config(backend=how):
        search.fit(rows.features, rows.target)
    seconds = time.perf_counter() - started
    return seconds * (9 if ninth else 1), -float(search.best_score_)


def search_with_ours(rows: TrainingRows) -> tuple[float, float]:
    """Seconds for all 81 combinations, selection of columns included, and the winner's score on the
    same folds, measured anew by scikit-learn."""
    started = time.perf_counter()
    found = RECIPE.search(rows, 0, lambda share, message: None)
    seconds = time.perf_counter() - started
    scores = cross_val_score(
        RECIPE.build(0, found.parameters),
        rows.features,
        rows.target,
        scoring="neg_mean_absolute_error",
        cv=list(rows.folds),
    )
    return seconds, -float(np.mean(scores))


def main(ninth: bool) -> None:
    """Measure in turn, and print the medians as one JSON object."""
    rows = generate()
    ours = [search_with_ours(rows) for _ in range(ROUNDS)]
    peers = {f"{how}, n_jobs={n}": search_with_peer(rows, how, n, ninth) for how, n in SETTINGS}
    seconds = statistics.median(s for s, _ in ours)
    quickest = min(s for s, _ in peers.values())
    print(
        json.dumps(
            {
                "combinations": 81,
                "folds": len(rows.folds),
                "peer_tried": "a ninth, times nine" if ninth else "all",
                "seconds": round(seconds, 1),
                "mae": round(ours[0][1], 3),
                "peers": {
                    k: {"seconds": round(s, 1), "mae": round(m, 3)} for k, (s, m) in peers.items()
                },
                "times_as_fast_as_n_jobs_2": round(peers["loky, n_jobs=2"][0] / seconds, 1),
                "times_as_fast_as_its_quickest": round(quickest / seconds, 1),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:] != ["whole"])
