"""What a version has to beat: guesses from nothing, from one category, or by fixed weights."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.domain.sample import WEIGHTS, spell
from core.features.values import levels_of, numbers_of
from core.settings import Scale
from core.stats.metrics import naive_guesses
from core.training.data.rows import Rows
from core.training.evaluate.metrics import CATEGORY_MEAN, HEURISTIC, Guess

if TYPE_CHECKING:
    import pandas as pd

_MIN_LEVEL_ROWS = 5
_MIN_WEIGHED = 0.5


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
    if len(known) and known.mean() >= _MIN_WEIGHED:
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
    names, code = _number(levels)
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


def _number(levels: list[str | None]) -> tuple[list[str | None], NDArray[np.int64]]:
    names = {level: i for i, level in enumerate(dict.fromkeys(levels))}
    return list(names), np.array([names[level] for level in levels], dtype=np.int64)
