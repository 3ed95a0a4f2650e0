"""Groups: the figures of every category and of every score band, beside the naive ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.report import Estimate
from core.domain.segment import GroupFigures
from core.monitoring.outcomes import summarize_blocks
from core.monitoring.parts import Outcome
from core.monitoring.rollups import build_outcomes
from core.settings import Scale
from core.stats.histogram import score_buckets, score_edges
from core.stats.intervals import Interval

N_BANDS = 5
_MOST_LEVELS = 12


@dataclass(frozen=True, slots=True)
class Unit:
    """What figures are measured in, and from how many labels on."""

    scale: Scale
    tolerance: float
    min_labels: int


def measure_groups(outcome: Outcome, unit: Unit) -> list[GroupFigures]:
    """The figures of every category of every column that has at most a dozen, the largest first."""
    found = []
    for column, values in outcome.columns.items():
        if not isinstance(values, list):
            continue
        levels = np.array([level or "missing" for level in values])
        names, counts = np.unique(levels, return_counts=True)
        if len(names) <= _MOST_LEVELS:
            found += [
                _measure(column, str(names[i]), outcome, levels == names[i], unit)
                for i in np.argsort(-counts, kind="stable")
            ]
    return found


def measure_bands(outcome: Outcome, unit: Unit) -> list[GroupFigures]:
    """The figures of each fifth of the scale, by the score that was given."""
    low, high = unit.scale.low, unit.scale.high
    edges = score_edges(low, high, N_BANDS)
    band = score_buckets(outcome.scores, low, high, N_BANDS)
    return [
        _measure("score", f"{edges[i]:g} to {edges[i + 1]:g}", outcome, band == i, unit)
        for i in range(N_BANDS)
    ]


def _measure(
    column: str, value: str, outcome: Outcome, rows: NDArray[np.bool_], unit: Unit
) -> GroupFigures:
    """The figures as those of a window are made: from the sums of its spans of time."""
    scores, actual, block = outcome.scores[rows], outcome.actual[rows], outcome.block[rows]
    blocks = [
        build_outcomes(
            scores[block == number],
            actual[block == number],
            scale=unit.scale,
            tolerance=unit.tolerance,
        )
        for number in np.unique(block)
    ]
    found = summarize_blocks(
        blocks,
        len(scores),
        scale=unit.scale,
        tolerance=unit.tolerance,
        min_labels=unit.min_labels,
    )
    return GroupFigures(
        column,
        value,
        len(scores),
        mae=_estimate(found.mae),
        accuracy=_estimate(found.accuracy),
        rmse=_estimate(found.rmse),
        skill=_estimate(found.skill),
        naive=found.naive,
    )


def _estimate(interval: Interval | None) -> Estimate | None:
    return None if interval is None else Estimate(interval.value, interval.low, interval.high)
