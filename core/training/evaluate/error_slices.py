"""The error of a version by segment and by score band, and its largest errors; pure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.domain.training_report import Estimate, HoldoutSegment, ScoreBand
from core.features.values import levels_of
from core.stats.intervals import BlockEstimate, mean_of_blocks
from core.stats.slices import Slice, cut_levels, least_rows
from core.training.evaluate.metrics import Blocks

if TYPE_CHECKING:
    import pandas as pd

MAX_SEGMENTS = 20
N_BANDS = 10
N_WORST = 5

_MIN_BAND_ROWS = 20


def cut_categories(frame: "pd.DataFrame", kinds: Mapping[str, str]) -> list[Slice]:
    """Return the slices of the categories among `kinds`, the largest first, at most 20. A level
    that is in every row is no slice."""
    found = [
        part
        for column, kind in kinds.items()
        if kind == "category" and column in frame.columns
        for part in cut_levels(column, levels_of(frame, column), least_rows(len(frame)))
        if not part.rows.all()
    ]
    return sorted(found, key=lambda part: -int(part.rows.sum()))[:MAX_SEGMENTS]


def measure_segments(
    segments: Sequence[Slice],
    actual: NDArray[np.float64],
    scores: NDArray[np.float64],
    blocks: Blocks,
) -> tuple[HoldoutSegment, ...]:
    """Return the error of each segment, without those whose rows all lie in one block."""
    found = []
    for part in segments:
        error = scores[part.rows] - actual[part.rows]
        mae = mean_of_blocks(np.abs(error), blocks.index[part.rows], run=blocks.run)
        if mae is not None:
            limits = estimate(mae, lowest=0.0)
            found.append(
                HoldoutSegment(part.column, part.level, len(error), limits, float(np.mean(error)))
            )
    return tuple(found)


def measure_bands(
    actual: NDArray[np.float64], scores: NDArray[np.float64], blocks: Blocks
) -> tuple[ScoreBand, ...]:
    """Return the mean label of scores of about the same height, in at most ten bands of about
    equally many rows, at least 20; a band whose rows are all in one block is left out.

    >>> from core.training.evaluate.metrics import choose_blocks
    >>> scores = np.repeat([20.0, 80.0], 20)
    >>> low, high = measure_bands(scores + 5, scores, choose_blocks(None, None, 40))
    >>> low.score, low.actual.value, high.low, high.n_rows
    (20.0, 25.0, 80.0, 20)
    """
    n_bands = max(1, min(N_BANDS, len(scores) // _MIN_BAND_ROWS))
    edges = np.unique(np.quantile(scores, np.arange(1, n_bands) / n_bands, method="inverted_cdf"))
    band = np.searchsorted(edges, scores, side="left")
    found = []
    for i in range(len(edges) + 1):
        rows = np.flatnonzero(band == i)
        mean = None
        if len(rows):
            mean = mean_of_blocks(actual[rows], blocks.index[rows], run=blocks.run)
        if mean is not None:
            part = scores[rows]
            found.append(
                ScoreBand(
                    float(part.min()),
                    float(part.max()),
                    len(rows),
                    float(part.mean()),
                    estimate(mean),
                    float(np.mean(np.abs(actual[rows] - part))),
                )
            )
    return tuple(found)


def find_worst(actual: NDArray[np.float64], scores: NDArray[np.float64]) -> list[int]:
    """The rows with the largest errors, worst first.

    >>> find_worst(np.array([1.0, 9.0, 5.0]), np.array([1.0, 1.0, 2.0]))
    [1, 2, 0]
    """
    order = np.argsort(-np.abs(actual - scores), kind="stable")
    return [int(i) for i in order[:N_WORST]]


def estimate(mean: BlockEstimate, *, lowest: float = -np.inf) -> Estimate:
    """A mean with its 95 % limits."""
    limits = mean.find_limits()
    return Estimate(limits.value, max(lowest, limits.low), limits.high)
