"""Spread: whether the newest scores still tell different requests apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.settings import Scale
from core.stats.histogram import N_SCORE_BUCKETS


@dataclass(frozen=True, slots=True)
class Spread:
    """How much the newest scores of different requests differ."""

    n_distinct: int
    share: float  # of them in the fullest 50th of the scale, wherever it lies
    score: float  # in its middle


def summarize_spread(scores: Sequence[tuple[float, str]], scale: Scale) -> Spread | None:
    """The spread of scores, each with its request's features as text; of equal requests the first
    counts. None without scores.

    >>> scores = [(60.0, "a"), (60.5, "b"), (90.0, "c"), (60.0, "a")]
    >>> summarize_spread(scores, Scale(0.0, 100.0))
    Spread(n_distinct=3, share=0.6666666666666666, score=60.25)
    """
    first: dict[str, float] = {}
    for score, features in scores:
        first.setdefault(features, score)
    if not first:
        return None
    values = np.sort(np.array(list(first.values())))
    width = (scale.high - scale.low) / N_SCORE_BUCKETS
    ends = np.searchsorted(values, values + width, side="right")
    n_inside = ends - np.arange(len(values))
    fullest = int(np.argmax(n_inside))
    middle = (values[fullest] + values[ends[fullest] - 1]) / 2
    return Spread(len(values), float(n_inside[fullest]) / len(values), float(middle))
