"""The figures of an evaluation: errors, accuracy, skill, and the naive constants to beat."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.stats.intervals import Interval, block_sums, estimate_by_blocks, wilson

EDGE = 1e-9
"""A score exactly at the tolerance is within it, whatever its last bit says."""


@dataclass(frozen=True, slots=True)
class ErrorFigures:
    """Errors in the target's unit, accuracy as a share; None where a figure is not defined or
    fewer than two blocks leave it without limits."""

    mae: Interval | None
    rmse: Interval | None
    r2: Interval | None
    accuracy: Interval | None
    skill: Interval | None


def mae(actual: NDArray[np.float64], predicted: NDArray[np.float64] | float) -> float:
    """The mean absolute error.

    >>> mae(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    2.0
    """
    return float(np.mean(np.abs(actual - predicted)))


def rmse(actual: NDArray[np.float64], predicted: NDArray[np.float64] | float) -> float:
    """The root of the mean squared error.

    >>> rmse(np.array([1.0, 5.0]), np.array([2.0, -2.0]))
    5.0
    """
    return float(np.sqrt(np.mean((actual - predicted) ** 2)))


def is_accurate(
    actual: NDArray[np.float64], predicted: NDArray[np.float64] | float, tolerance: float
) -> NDArray[np.bool_]:
    """Return, by row, whether each score lies within the tolerance, its edge included.

    >>> is_accurate(np.array([80.0, 80.0]), np.array([85.0, 85.1]), 5.0).tolist()
    [True, False]
    """
    return np.asarray(np.abs(actual - predicted) <= tolerance + EDGE * max(1.0, tolerance))


def accuracy(
    actual: NDArray[np.float64], predicted: NDArray[np.float64] | float, tolerance: float
) -> float:
    """The share of scores within the tolerance.

    >>> accuracy(np.array([1.0, 5.0]), 2.0, tolerance=1.0)
    0.5
    """
    return float(np.mean(is_accurate(actual, predicted, tolerance)))


def measure_errors(
    actual: NDArray[np.float64],
    predicted: NDArray[np.float64],
    naive: Mapping[str, float | NDArray[np.float64]],
    *,
    tolerance: float,
    block: NDArray[np.int64],
    run: int = 1,
) -> ErrorFigures:
    """Return all figures of one model on the same rows, with their 95 % limits by blocks.

    Skill is 1 - MAE / MAE of the best of the `naive` guesses (one number, or one a row), the best
    being chosen anew for each block that is left out. The limits of the accuracy are never closer
    than Wilson's for independent rows. `block` and `run` are those of `block_sums`.

    >>> actual, block = np.array([1.0, 2.0, 3.0, 4.0]), np.arange(4)
    >>> figures = measure_errors(actual, actual + 0.5, {"mean": 2.5}, tolerance=1.0, block=block)
    >>> figures.mae, figures.skill.value
    (Interval(value=0.5, low=0.5, high=0.5), 0.5)
    """
    error = actual - predicted
    centre = float(np.mean(actual))  # R2 does not move with it, rounding errors do
    columns = np.column_stack(
        [
            np.ones(len(actual)),
            np.abs(error),
            error**2,
            is_accurate(actual, predicted, tolerance),
            actual - centre,
            (actual - centre) ** 2,
            *(np.abs(actual - guess) for guess in naive.values()),
        ]
    )
    sums = block_sums(columns, block, run=run)
    if len(sums) < 2:
        return ErrorFigures(None, None, None, None, None)
    mae, rmse, r2, share, skill = estimate_by_blocks(sums, _figures)
    accuracy = None if share is None else share.find_limits(lowest=0.0, highest=1.0)
    alone = wilson(int(columns[:, 3].sum()), len(columns))
    return ErrorFigures(
        mae=None if mae is None else mae.find_limits(lowest=0.0),
        rmse=None if rmse is None else rmse.find_limits(lowest=0.0),
        r2=None if r2 is None else r2.find_limits(highest=1.0),
        accuracy=None if accuracy is None else accuracy.widen_to(alone),
        skill=None if skill is None else skill.find_limits(highest=1.0),
    )


def _figures(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    n, absolute, squared, hits, total, total_squared = sums[:, :6].T
    best_naive = sums[:, 6:].min(axis=1, initial=np.inf)
    spread = total_squared - total**2 / n
    tiny = 1e-12 * np.maximum(total_squared, 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(spread > tiny, 1 - squared / spread, np.nan)
        skill = np.where(
            (best_naive > 0) & np.isfinite(best_naive), 1 - absolute / best_naive, np.nan
        )
        return np.column_stack([absolute / n, np.sqrt(squared / n), r2, hits / n, skill])


RECENT_SECONDS = 28 * 86_400.0
MIN_RECENT = 30


def naive_guesses(
    target: NDArray[np.float64], at_seconds: NDArray[np.float64] | None
) -> dict[str, float]:
    """The mean and the median of the training rows' target and, where rows have times (seconds
    since any fixed moment, not all of them nan), the mean of the last 28 days, or of the newest 30
    rows where those days hold fewer.

    >>> naive_guesses(np.array([1.0, 2.0, 9.0]), None)
    {'mean': 4.0, 'median': 2.0}
    >>> days = np.arange(100) * 86_400.0
    >>> naive_guesses(np.arange(100.0), days)["recent_mean"]
    84.5
    """
    guesses = {"mean": float(np.mean(target)), "median": float(np.median(target))}
    if at_seconds is not None and np.isfinite(at_seconds).any():
        guesses["recent_mean"] = float(np.mean(target[_recent(at_seconds)]))
    return guesses


def _recent(at_seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    timed = np.flatnonzero(np.isfinite(at_seconds))
    newest_first = timed[np.argsort(-at_seconds[timed], kind="stable")]
    n_in_window = int(np.sum(at_seconds[timed] > at_seconds[timed].max() - RECENT_SECONDS))
    return newest_first[: max(n_in_window, MIN_RECENT)]
