"""Columns that look like other ratings of the same work, which a person has to be asked about;
pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.data.parsing.role_names import BASE_METRICS, snake_case
from core.data.quality.level_ranges import MAX_ROWS, MIN_ROWS, explain_by_levels

_NAMES = frozenset(
    """accepted annotation annotator approval approved assessment coherence correct correctness eval
    evaluation faithfulness feedback fluency grade grader grades helpful helpfulness human judge
    judgement judgment label labeler labeller likert mark marks outcome overall pass passed
    preference quality rank rated rater rating ratings reason relevance result reviewer score scores
    star stars status thumbs usefulness verdict vote votes""".split()  # noqa: SIM905
)
"""Words in the names of what people and judges say of a piece of work."""

_VERDICTS = frozenset(
    """accept acceptable accepted accurate approved average bad best better correct excellent fail
    failed fair false good great high inaccurate incorrect low medium mediocre neutral no ok okay
    partial partially pass passed perfect poor reject rejected right true unacceptable unhelpful
    helpful very worse worst wrong yes""".split()  # noqa: SIM905
)
"""Words that judge, which the values of another judgement are made of."""

_EXPLAINED = 0.5
"""The share of the target's variance from which on such columns, together, are asked about."""

_TAKES_PART = 0.4
_SAME_SCALE_CORRELATION = 0.9
_SLACK, _SPAN = 0.05, 0.5

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Siblings:
    """Columns that may be ratings of the same work; together they explain this share (0..1) of the
    target's variance."""

    columns: tuple[str, ...]
    explained: float


def find_siblings(
    features: pd.DataFrame, target: pd.Series, known: Collection[str] = ()
) -> Siblings | None:
    """Return the columns that a person has to be asked about, without those that are `known` to
    give the target away; None without any.

    A number is one where its name says rating (`_NAMES`) and it follows the target (correlation of
    0.4, either sign), or where it is on the target's scale with a correlation of 0.9; a category
    where its name or its values judge and explain half of the target's variance. They are asked
    about where together they explain half of it.

    >>> y = pd.Series(np.arange(60.0))
    >>> columns = pd.DataFrame({"clarity_score": y + 9 * np.sin(y), "words": y % 7})
    >>> find_siblings(columns, y).columns
    ('clarity_score',)
    """
    step = max(1, -(-len(features) // MAX_ROWS))
    features, y = features.iloc[::step], target.iloc[::step].to_numpy(dtype="f8")
    if len(y) < MIN_ROWS or np.ptp(y) == 0:
        return None
    found: dict[str, float] = {}
    numbers: dict[str, _Floats] = {}
    for name in (str(name) for name in features.columns if str(name) not in known):
        column = features[name]
        if snake_case(name) in BASE_METRICS:
            continue
        if not pd.api.types.is_numeric_dtype(column):
            explained = explain_by_levels(column, y)
            if explained >= _EXPLAINED and (_says_rating(name) or _judges(column)):
                found[name] = explained
            continue
        x = column.to_numpy(dtype="f8")
        correlation = _correlate(x, y)
        if (_says_rating(name) and correlation >= _TAKES_PART) or (
            correlation >= _SAME_SCALE_CORRELATION and _is_on_scale(x, y)
        ):
            numbers[name] = x
            found[name] = correlation**2
    together = max((_explain(numbers, y), *found.values()), default=0.0)
    if not found or together < _EXPLAINED:
        return None
    return Siblings(tuple(found), together)


def _says_rating(name: str) -> bool:
    return not _NAMES.isdisjoint(re.sub(r"\d+", " ", snake_case(name).replace("_", " ")).split())


def _judges(column: pd.Series) -> bool:
    levels = [str(level).casefold() for level in column.dropna().unique()[:50]]
    return all(not _VERDICTS.isdisjoint(re.findall(r"[a-z]+", level)) for level in levels)


def _correlate(x: _Floats, y: _Floats) -> float:
    there = ~np.isnan(x)
    if there.sum() < MIN_ROWS or np.ptp(x[there]) == 0 or np.ptp(y[there]) == 0:
        return 0.0
    return abs(float(np.corrcoef(x[there], y[there])[0, 1]))


def _is_on_scale(x: _Floats, y: _Floats) -> bool:
    low, high = float(y.min()), float(y.max())
    slack = _SLACK * (high - low)
    lowest, highest = float(np.nanmin(x)), float(np.nanmax(x))
    wide = highest - lowest >= _SPAN * (high - low)
    return wide and lowest >= low - slack and highest <= high + slack


def _explain(numbers: Mapping[str, _Floats], y: _Floats) -> float:
    """Return R² of the least squares line on these numbers; a missing one counts as the mean."""
    if not numbers or len(numbers) * 5 > len(y):
        return 0.0
    X = np.column_stack(list(numbers.values()))
    X = np.nan_to_num(X - np.nanmean(X, axis=0))
    centred = y - y.mean()
    weights = np.linalg.lstsq(X, centred, rcond=None)[0]
    return 1.0 - float(np.square(centred - X @ weights).sum() / np.square(centred).sum())
