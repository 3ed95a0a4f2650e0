"""The metrics of scores on the holdout: a candidate's, naive guesses', a champion's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.domain.sample import WEIGHTS, spell
from core.domain.training_report import Estimate, Metrics, NaiveMetrics
from core.errors import Refused
from core.features.values import levels_of, numbers_of
from core.settings import Scale
from core.stats.intervals import Interval, choose_run, mean_of_blocks, wilson
from core.stats.metrics import accuracy, mae, measure_errors, naive_guesses, rmse
from core.training.data.rows import Rows

if TYPE_CHECKING:
    import pandas as pd


Guess = float | NDArray[np.float64]
"""The score that a naive baseline gives every row, or each row."""

CATEGORY_MEAN, HEURISTIC = "category_mean", "heuristic"

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """The groups of rows that the intervals take as independent of each other."""

    index: NDArray[np.int64]  # the block of each row, from 0 on
    n: int
    run: int  # neighbouring blocks that are taken together; 1 where their order means nothing
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
    """Return the blocks of `n_rows` rows: days where the rows have times, groups where they have
    groups, the fewer of the two where they have both; single rows where all are of one.

    >>> choose_blocks(np.zeros(3), None, 3).words
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
    enough = [blocks for blocks in found if blocks.n > 1]
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
    category: str | None = None,
) -> Evaluation:
    """The figures of finite scores with their 95 % limits, beside the naive guesses on the same
    rows; raises `Refused` for one block only. `half_widths` are those of each row's interval;
    `category` is the column that the guess by category looks at."""
    return Evaluation(
        metrics=_measure(actual, scores, guesses, tolerance, blocks),
        naive=evaluate_guesses(actual, guesses, tolerance, category),
        coverage=_measure_coverage(actual, scores, half_widths, blocks),
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
    alpha: float = 0.025,
) -> tuple[Estimate | None, Estimate | None, float | None]:
    """Return the old scores' MAE and how much smaller the new ones' is on the same rows, both with
    95 % limits, and the lower limit of the latter that an equal model exceeds with the probability
    `alpha`; None where all rows lie in one block."""
    old_error, new_error = np.abs(actual - old), np.abs(actual - new)
    before = mean_of_blocks(old_error, blocks.index, run=blocks.run)
    improvement = mean_of_blocks(old_error - new_error, blocks.index, run=blocks.run)
    if before is None or improvement is None:
        return None, None, None
    return (
        to_estimate(before.find_limits(lowest=0.0)),
        to_estimate(improvement.find_limits()),
        improvement.find_limits(1 - 2 * alpha).low,
    )


def _measure(
    actual: NDArray[np.float64],
    scores: NDArray[np.float64],
    guesses: Mapping[str, Guess],
    tolerance: float,
    blocks: Blocks,
) -> Metrics:
    found = measure_errors(
        actual, scores, guesses, tolerance=tolerance, block=blocks.index, run=blocks.run
    )
    if found.mae is None or found.rmse is None or found.accuracy is None:
        raise Refused(
            "The holdout is a single row: nothing can be said about the model. Collect more rows."
        )
    return Metrics(
        mae=to_estimate(found.mae),
        rmse=to_estimate(found.rmse),
        r2=None if found.r2 is None else to_estimate(found.r2),
        accuracy=to_estimate(found.accuracy),
        skill=None if found.skill is None else to_estimate(found.skill),
    )


def _measure_coverage(
    actual: NDArray[np.float64],
    scores: NDArray[np.float64],
    half_widths: NDArray[np.float64] | None,
    blocks: Blocks,
) -> Estimate | None:
    if half_widths is None:
        return None
    inside = (np.abs(actual - scores) <= half_widths).astype(np.float64)
    found = mean_of_blocks(inside, blocks.index, run=blocks.run)
    if found is None:
        return None
    limits = found.find_limits(lowest=0.0, highest=1.0)
    return to_estimate(limits.widen_to(wilson(int(inside.sum()), len(inside))))


def _number(values: NDArray[np.generic]) -> tuple[NDArray[np.int64], int]:
    names, index = np.unique(values, return_inverse=True)
    return index.astype(np.int64), len(names)


def to_estimate(interval: Interval) -> Estimate:
    """Return a figure as a report keeps it."""
    return Estimate(interval.value, interval.low, interval.high)


_MIN_LEVEL_ROWS = 5
MIN_WEIGHED = 0.5


def make_guesses(
    train: Rows, holdout: Rows, kinds: Mapping[str, str], *, by_time: bool, scale: Scale
) -> tuple[dict[str, Guess], str | None]:
    """Return the score that each naive guess gives the holdout's rows, made of the training rows
    alone: a number, or one for each row; and the column that `category_mean` looks at, None where
    no row has a category. The heuristic is among them where half of the rows have base metrics."""
    guesses: dict[str, Guess] = {}
    guesses |= naive_guesses(train.target, train.at_seconds if by_time else None)
    column = _choose_category(train, kinds)
    if column is not None:
        guesses[CATEGORY_MEAN] = mean_of_level(
            levels_of(train.features, column), train.target, levels_of(holdout.features, column)
        )
    weighed = weigh_rows(holdout.features, scale)
    known = np.isfinite(weighed)
    if len(known) and known.mean() >= MIN_WEIGHED:
        guesses[HEURISTIC] = np.where(known, weighed, guesses["mean"])
    return guesses, column


def mean_of_level(
    levels: list[str | None], target: NDArray[np.float64], asked: list[str | None]
) -> NDArray[np.float64]:
    """For each of the levels `asked` the mean target of the rows with the same one; the mean of all
    rows for a level that stands in fewer than five.

    >>> mean_of_level(["a"] * 5 + ["b"], np.array([1.0, 1, 1, 1, 1, 7]), ["a", "b", None]).tolist()
    [1.0, 2.0, 2.0]
    """
    names, code = _number_levels(levels)
    n, total = np.bincount(code), np.bincount(code, target)
    means = np.where(n >= _MIN_LEVEL_ROWS, total / n, float(np.mean(target)))
    place = {name: i for i, name in enumerate(names)}
    overall = float(np.mean(target))
    return np.array([means[place[level]] if level in place else overall for level in asked])


def weigh_rows(frame: "pd.DataFrame", scale: Scale) -> NDArray[np.float64]:
    """The heuristic's score of each row: the mean of its base metrics by `WEIGHTS`, as the API
    answers where no model can; nan for a row without any."""
    total, weight = np.zeros(len(frame)), np.zeros(len(frame))
    for name, its_weight in WEIGHTS.items():
        value = np.full(len(frame), np.nan)
        for spelling in spell(name):
            if spelling in frame.columns:
                value = np.where(np.isnan(value), numbers_of(frame, spelling), value)
        known = (value >= 0) & (value <= 100)
        total += np.where(known, its_weight * (100 - value if name == "complexity" else value), 0)
        weight += np.where(known, its_weight, 0)
    with np.errstate(invalid="ignore"):
        share = np.where(weight > 0, total / weight / 100, np.nan)
    return scale.low + share * (scale.high - scale.low)


def _choose_category(train: Rows, kinds: Mapping[str, str]) -> str | None:
    """The category whose means are nearest to the target on the training rows."""
    errors = {
        name: float(np.mean(np.abs(train.target - mean_of_level(levels, train.target, levels))))
        for name, kind in kinds.items()
        if kind == "category" and name in train.features.columns
        for levels in [levels_of(train.features, name)]
    }
    return min(errors, key=lambda name: errors[name]) if errors else None


def _number_levels(levels: list[str | None]) -> tuple[list[str | None], NDArray[np.int64]]:
    names = {level: i for i, level in enumerate(dict.fromkeys(levels))}
    return list(names), np.array([names[level] for level in levels], dtype=np.int64)
