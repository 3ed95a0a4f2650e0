"""The figures of an evaluation: errors, accuracy, skill, and the naive constants to beat."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.stats.intervals import Interval, bootstrap_blocks, wilson

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
    n_resamples: int = 5_000,
    seed: int = 0,
) -> ErrorFigures:
    """All figures of one model on the same rows, with 95 % limits by the bootstrap of blocks.

    Skill is 1 - MAE / MAE of the best of the `naive` guesses (one number, or one a row), the best
    being chosen anew in every resample, so that the choice is part of the uncertainty. The limits
    of the accuracy are never closer than Wilson's for independent rows. `block` and `run` are those
    of `bootstrap_blocks`.

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
    found = bootstrap_blocks(columns, block, _figures, run=run, n_resamples=n_resamples, seed=seed)
    return ErrorFigures(
        mae=found[0],
        rmse=found[1],
        r2=found[2],
        accuracy=_at_least_wilson(found[3], columns[:, 3]),
        skill=found[4],
    )


def measure_improvement(
    old_error: NDArray[np.float64],
    new_error: NDArray[np.float64],
    *,
    block: NDArray[np.int64],
    run: int = 1,
    confidence: float = 0.95,
    n_resamples: int = 5_000,
    seed: int = 0,
) -> tuple[Interval | None, Interval | None]:
    """The old model's MAE, and how much smaller the new one's is, pair by pair on the same rows.

    >>> old, new = np.array([2.0, -4.0, 6.0]), np.array([1.0, -3.0, 5.0])
    >>> measure_improvement(old, new, block=np.arange(3))[1]
    Interval(value=1.0, low=1.0, high=1.0)
    """
    columns = np.column_stack(
        [np.abs(old_error), np.abs(old_error) - np.abs(new_error), np.ones(len(old_error))]
    )
    old, improvement = bootstrap_blocks(
        columns,
        block,
        lambda sums: sums[:, :2] / sums[:, 2:],
        run=run,
        confidence=confidence,
        n_resamples=n_resamples,
        seed=seed,
    )
    return old, improvement


def _at_least_wilson(share: Interval | None, hits: NDArray[np.float64]) -> Interval | None:
    """Return Wilson's limits where all rows are hits, or none: every resample then says the
    same."""
    if share is None:
        return None
    alone = wilson(int(hits.sum()), len(hits))
    return Interval(share.value, min(share.low, alone.low), max(share.high, alone.high))


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
