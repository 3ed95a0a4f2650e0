"""What a candidate's scores are worth on the holdout, beside the naive guesses and a champion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.training_report import Estimate, Metrics, NaiveMetrics
from core.errors import Refused
from core.stats.intervals import Interval, choose_run, mean_interval, mean_of_blocks
from core.stats.metrics import accuracy, mae, measure_errors, measure_improvement, rmse

Guess = float | NDArray[np.float64]
"""What a naive guess says of every row, or of each."""

CATEGORY_MEAN, HEURISTIC = "category_mean", "heuristic"

MIN_BLOCKS = 10

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """The groups of rows that the intervals take as independent of each other."""

    index: NDArray[np.int64]  # the block of each row, from 0 on
    n: int
    run: int  # neighbouring blocks that are drawn at once; 1 where their order means nothing
    words: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The candidate on the holdout; `coverage` is of its 90 % interval."""

    metrics: Metrics
    naive: Mapping[str, NaiveMetrics]
    coverage: Estimate | None


def choose_blocks(
    at_seconds: NDArray[np.float64] | None, group: NDArray[np.int64] | None, n_rows: int
) -> Blocks:
    """Days where the rows have times, groups where they have groups, the fewer of the two where
    they have both; single rows otherwise, or where there are fewer than 10 of either.

    >>> choose_blocks(None, np.array([7, 7, 8]), 3).words
    '3 rows'
    >>> choose_blocks(None, np.repeat(np.arange(12), 3), 36).words
    '12 groups'
    >>> choose_blocks(np.arange(40) * 86_400.0, None, 40).words
    '40 days, in runs of 3'
    """
    found = []
    if at_seconds is not None:
        index, n = _number(np.floor(at_seconds / _DAY_SECONDS))
        run = choose_run(n)
        words = f"{n:,} days, in runs of {run}" if run > 1 else f"{n:,} days"
        found.append(Blocks(index, n, run, words))
    if group is not None:
        index, n = _number(group)
        if n < n_rows:
            found.append(Blocks(index, n, 1, f"{n:,} groups"))
    enough = [blocks for blocks in found if blocks.n >= MIN_BLOCKS]
    if enough:
        return min(enough, key=lambda blocks: blocks.n)
    return Blocks(np.arange(n_rows), n_rows, 1, f"{n_rows:,} rows")


def select_blocks(blocks: Blocks, rows: NDArray[np.bool_]) -> Blocks:
    """The blocks of some of the rows.

    >>> select_blocks(Blocks(np.array([0, 1, 2]), 3, 1, "3 rows"), np.array([True, False, True]))
    Blocks(index=array([0, 1]), n=2, run=1, words='3 rows')
    """
    index, n = _number(blocks.index[rows])
    return Blocks(index, n, blocks.run, blocks.words)


def evaluate_scores(
    actual: NDArray[np.float64],
    scores: NDArray[np.float64],
    guesses: Mapping[str, Guess],
    half_widths: NDArray[np.float64] | None,
    *,
    tolerance: float,
    blocks: Blocks,
    seed: int,
    category: str | None = None,
) -> Evaluation:
    """The figures of finite scores with their 95 % limits, beside the naive guesses on the same
    rows; raises `Refused` for one block only. `half_widths` are those of each row's interval;
    `category` is the column that the guess by category looks at."""
    return Evaluation(
        metrics=_measure(actual, scores, guesses, tolerance, blocks, seed),
        naive=evaluate_guesses(actual, guesses, tolerance, category),
        coverage=_measure_coverage(actual, scores, half_widths, blocks, seed),
    )


def evaluate_guesses(
    actual: NDArray[np.float64],
    naive: Mapping[str, Guess],
    tolerance: float,
    category: str | None = None,
) -> dict[str, NaiveMetrics]:
    """Return how each naive guess does on the same rows.

    >>> evaluate_guesses(np.array([40.0, 60.0]), {"mean": 50.0}, tolerance=5.0)["mean"].mae
    10.0
    """
    return {
        name: NaiveMetrics(
            guess if isinstance(guess, float) else None,
            mae(actual, guess),
            rmse(actual, guess),
            accuracy(actual, guess, tolerance),
            category if name == CATEGORY_MEAN else None,
        )
        for name, guess in naive.items()
    }


def compare_scores(
    actual: NDArray[np.float64],
    old: NDArray[np.float64],
    new: NDArray[np.float64],
    *,
    blocks: Blocks,
    seed: int,
    alpha: float = 0.025,
) -> tuple[Estimate | None, Estimate | None, float | None]:
    """The old scores' MAE, how much smaller the new ones' is on the same rows, both with 95 %
    limits, and the lower limit of the latter that an equal model exceeds with the probability
    `alpha`.

    That limit is the lower of the bootstrap's and Student's: resamples of few blocks cannot reach
    beyond the worst block, which in ten days of an equal model is above 0 in 1.6 % of cases."""
    errors = actual - old, actual - new
    before, improvement = measure_improvement(
        *errors, block=blocks.index, run=blocks.run, seed=seed
    )
    _, strict = measure_improvement(
        *errors, block=blocks.index, run=blocks.run, confidence=1 - 2 * alpha, seed=seed
    )
    smaller = mean_of_blocks(np.abs(errors[0]) - np.abs(errors[1]), blocks.index, run=blocks.run)
    reach = None if smaller is None else smaller.find_limits(1 - 2 * alpha)
    return (
        None if before is None else _estimate(before),
        None if improvement is None else _estimate(improvement),
        None if strict is None or reach is None else min(strict.low, reach.low),
    )


def _measure(
    actual: NDArray[np.float64],
    scores: NDArray[np.float64],
    guesses: Mapping[str, Guess],
    tolerance: float,
    blocks: Blocks,
    seed: int,
) -> Metrics:
    found = measure_errors(
        actual,
        scores,
        guesses,
        tolerance=tolerance,
        block=blocks.index,
        run=blocks.run,
        seed=seed,
    )
    if found.mae is None or found.rmse is None or found.accuracy is None:
        raise Refused(
            "The holdout is a single row: nothing can be said about the model. Collect more rows."
        )
    return Metrics(
        mae=_estimate(found.mae),
        rmse=_estimate(found.rmse),
        r2=None if found.r2 is None else _estimate(found.r2),
        accuracy=_estimate(found.accuracy),
        skill=None if found.skill is None else _estimate(found.skill),
    )


def _measure_coverage(
    actual: NDArray[np.float64],
    scores: NDArray[np.float64],
    half_widths: NDArray[np.float64] | None,
    blocks: Blocks,
    seed: int,
) -> Estimate | None:
    if half_widths is None:
        return None
    inside = (np.abs(actual - scores) <= half_widths).astype(np.float64)
    found = mean_interval(inside, blocks.index, run=blocks.run, seed=seed)
    return None if found is None else _estimate(found)


def _number(values: NDArray[np.generic]) -> tuple[NDArray[np.int64], int]:
    names, index = np.unique(values, return_inverse=True)
    return index.astype(np.int64), len(names)


def _estimate(interval: Interval) -> Estimate:
    return Estimate(interval.value, interval.low, interval.high)
