"""The search of 81 combinations by 5 folds on 1,200 x 19 rows, beside scikit-learn's GridSearchCV.

`python -m bench.training [whole|ninth]`: both use both cores, in the same run, over the same grid.
Told "ninth", the peer tries a ninth of the combinations, its seconds are times nine, and its winner
is that of the ninth. Both winners are then scored anew by scikit-learn on the same folds, and on
fresh rows of the same world after learning from all 1,200: equal scores or the better one's."""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_predict

from core.training.data.rows import split_folds
from core.training.models.boosting import GRID, TREES
from core.training.models.recipe import TrainingRows
from core.training.recipes.advanced import RECIPE

N_ROWS, N_COLUMNS, N_FRESH, ROUNDS = 1_200, 19, 20_000, 3
SETTINGS = (("loky", 2), ("threading", 2), ("threading", 1))  # how, and n_jobs


@dataclass(frozen=True, slots=True)
class Found:
    """What a search took and found; `build` gives its winner unfitted."""

    seconds: float
    parameters: Mapping[str, Any]
    build: Callable[[], Any]


def generate(n_rows: int, seed: int) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Nineteen columns of which nine matter: in slopes, bends and a product."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_COLUMNS))
    y = 55 + X[:, :5] @ np.arange(5.0, 0.0, -1) + 4 * np.abs(X[:, 5]) + 3 * X[:, 6] * X[:, 7]
    y += 2 * np.maximum(X[:, 8], 0) + rng.normal(0, 4, n_rows)
    return pd.DataFrame(X, columns=[f"c{i}" for i in range(N_COLUMNS)]), y


def number_parts(rows: TrainingRows) -> NDArray[np.int64]:
    """The fold that judges each row."""
    part = np.empty(N_ROWS, dtype=np.int64)
    for i, (_, judge) in enumerate(rows.folds):
        part[judge] = i
    return part


def search_with_peer(rows: TrainingRows, how: str, n_jobs: int, ninth: bool) -> Found:
    """GridSearchCV over the 81 combinations."""
    grid = {name: list(values) for name, values in GRID.items()} | {"n_estimators": list(TREES)}
    if ninth:  # every number of trees and depth, the middle of the others
        grid |= {name: [grid[name][1]] for name in ("learning_rate", "subsample")}
    model = xgboost.XGBRegressor(tree_method="hist", n_jobs=1)
    search = GridSearchCV(
        model,
        grid,
        scoring="neg_mean_absolute_error",
        cv=PredefinedSplit(number_parts(rows)),
        n_jobs=n_jobs,
        refit=False,
    )
    started = time.perf_counter()
    with parallel_config(backend=how):
        search.fit(rows.features, rows.target)
    seconds = time.perf_counter() - started
    best = dict(search.best_params_)
    return Found(
        seconds * (9 if ninth else 1),
        best,
        lambda: xgboost.XGBRegressor(tree_method="hist", n_jobs=1, **best),
    )


def search_with_ours(rows: TrainingRows) -> Found:
    """All 81 combinations by the recipe `advanced`, the selection of columns included."""
    started = time.perf_counter()
    found = RECIPE.search(rows, 0, lambda share, message: None)
    seconds = time.perf_counter() - started
    return Found(seconds, found.parameters, lambda: RECIPE.build(0, found.parameters))


def measure_on_folds(found: Found, rows: TrainingRows) -> NDArray[np.float64]:
    """The absolute error of each row, by the winner fitted on the folds that it is not in."""
    split = PredefinedSplit(number_parts(rows))
    return np.abs(
        rows.target - cross_val_predict(found.build(), rows.features, rows.target, cv=split)
    )


def measure_on_fresh(found: Found, rows: TrainingRows) -> NDArray[np.float64]:
    """The absolute error of each of 20,000 rows of the same world, after learning from all."""
    frame, target = generate(N_FRESH, 2)
    return np.abs(target - found.build().fit(rows.features, rows.target).predict(frame))


def judge(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> str:
    """Both MAE, their difference row by row with its standard error, and what that says.

    >>> judge(np.array([1.0, 2.0, 3.0, 2.0]), np.array([2.0, 1.0, 2.0, 3.0]))
    'MAE 2.000 against 2.000 of the peer, +0.000 +- 0.577 row by row: equal within 1.155 points'
    """
    apart = ours - theirs
    mean, error = float(apart.mean()), float(apart.std(ddof=1) / len(apart) ** 0.5)
    said = f"MAE {ours.mean():.3f} against {theirs.mean():.3f} of the peer, "
    said += f"{mean:+.3f} +- {error:.3f} row by row: "
    if abs(mean) <= 2 * error:
        return said + f"equal within {abs(mean) + 2 * error:.3f} points"
    return said + ("ours is better" if mean < 0 else "the peer's is better")


def main(ninth: bool) -> None:
    """Measure in turn, and print the medians, the ratios and both winners."""
    frame, target = generate(N_ROWS, 1)
    rows = TrainingRows(frame, target, split_folds(None, np.arange(N_ROWS), seed=0))
    rounds = [search_with_ours(rows) for _ in range(ROUNDS)]
    ours, seconds = rounds[0], statistics.median(found.seconds for found in rounds)
    peers = {f"{how}, n_jobs={n}": search_with_peer(rows, how, n, ninth) for how, n in SETTINGS}
    print(f"81 combinations x {len(rows.folds)} folds, {N_ROWS:,} x {N_COLUMNS} rows")
    print(f"  ours, both cores           {seconds:7.1f} s (median of {ROUNDS})")
    tried = "a ninth of the grid, times nine" if ninth else "the whole grid"
    for name, found in peers.items():
        print(f"  GridSearchCV {name:<13} {found.seconds:7.1f} s ({tried})")
    quickest = min(found.seconds for found in peers.values())
    print(f"  times as fast as n_jobs=2  {peers['loky, n_jobs=2'].seconds / seconds:7.1f}")
    print(f"  times as fast as its quickest {quickest / seconds:4.1f}")
    peer = peers["threading, n_jobs=1"]
    print(f"  our winner:  {dict(ours.parameters)}")
    print(f"  its winner:  {dict(peer.parameters)}")
    for name, measure in (("same folds", measure_on_folds), ("fresh rows", measure_on_fresh)):
        print(f"  on the {name}: {judge(measure(ours, rows), measure(peer, rows))}")


if __name__ == "__main__":
    main(sys.argv[1:] == ["ninth"])
