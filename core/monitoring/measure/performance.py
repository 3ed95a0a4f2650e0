"""The accuracy and errors of the scores, from the rollups of labelled predictions."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.domain.monitoring import DAY, Outcomes, Rollup, floor_time
from core.domain.prediction import AnswerSource
from core.domain.training_report import Naive
from core.monitoring.measure.rollup_updates import load_window
from core.monitoring.measure.rollups import N_ACTUAL_BUCKETS, merge_outcomes
from core.monitoring.measure.traffic import choose_step, split_steps
from core.settings import Scale
from core.stats.histogram import score_edges
from core.stats.intervals import Interval, estimate_by_blocks, wilson
from core.stats.metrics import EDGE
from core.store.engine.database import Database


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of some labelled predictions, each with its 95 % interval by days; the limits are
    infinite where all labels are of one day. Below the smallest number of labels the figures are
    None and `note` says why. Errors are in points of the scale, accuracy is a share."""

    n_predictions: int  # with a score
    n_labelled: int
    accuracy: Interval | None = None
    mae: Interval | None = None
    rmse: Interval | None = None
    bias: float | None = None  # mean of score - actual
    naive: Naive | None = None
    skill: Interval | None = None  # 1 - MAE / MAE of the naive guess
    note: str | None = None

    @property
    def coverage(self) -> float | None:
        """The share of the predictions whose label has arrived."""
        return self.n_labelled / self.n_predictions if self.n_predictions else None


@dataclass(frozen=True, slots=True)
class PerformancePoint:
    """One step of the series; a step of a day or less has figures without limits."""

    at: datetime
    figures: Figures


@dataclass(frozen=True, slots=True)
class Performance:
    """The labelled predictions of a window, by the time of the prediction. Only what the model
    answered counts as the model's; the heuristic's answers stand beside it."""

    from_at: datetime
    to_at: datetime
    tolerance: float
    model: Figures
    heuristic: Figures
    versions: dict[int, Figures]  # the model's answers by version
    series: tuple[PerformancePoint, ...]  # the model's answers, all versions
    step: timedelta


def summarize_performance(
    rollups: Sequence[Rollup],
    from_at: datetime,
    to_at: datetime,
    *,
    tolerance: float,
    scale: Scale,
    min_labels: int,
    step: timedelta | None = None,
) -> Performance:
    """Return the figures of the rollups of a window. A step of the series is a day, or an hour in
    windows of up to two days, unless given."""
    step = step or choose_step(from_at, to_at)
    model = [rollup for rollup in rollups if rollup.source is AnswerSource.MODEL]
    heuristic = [rollup for rollup in rollups if rollup.source is AnswerSource.HEURISTIC]
    versions = {
        number: [rollup for rollup in model if rollup.version == number]
        for number in sorted({rollup.version for rollup in model})
    }

    def summarize(members: list[Rollup]) -> Figures:
        return summarize_outcomes(members, scale=scale, tolerance=tolerance, min_labels=min_labels)

    return Performance(
        from_at=from_at,
        to_at=to_at,
        tolerance=tolerance,
        model=summarize(model),
        heuristic=summarize(heuristic),
        versions={number: summarize(members) for number, members in versions.items()},
        series=tuple(
            PerformancePoint(at, summarize(part))
            for at, part in split_steps(model, from_at, to_at, step)
        ),
        step=step,
    )


def summarize_outcomes(
    rollups: Iterable[Rollup],
    *,
    scale: Scale,
    tolerance: float,
    min_labels: int,
) -> Figures:
    """Return the figures of some rollups together."""
    members = list(rollups)
    return summarize_days(
        _merge_days(members),
        sum(rollup.n for rollup in members),
        scale=scale,
        tolerance=tolerance,
        min_labels=min_labels,
    )


def summarize_days(
    days: Sequence[Outcomes],
    n_predictions: int,
    *,
    scale: Scale,
    tolerance: float,
    min_labels: int,
) -> Figures:
    """Return the figures of the labels of some days, with their intervals by days
    (`core.stats.intervals.estimate_by_blocks`), since the errors of one day are alike. That of the
    accuracy is at least as wide as Wilson's: where every score is accurate, days do not differ."""
    days = [day for day in days if day.n]
    total = merge_outcomes(days)
    if total.n < max(min_labels, 1):
        return Figures(n_predictions, total.n, note=_explain(n_predictions, total.n, min_labels))
    naive = choose_naive(total, scale, tolerance)
    mae, rmse, accuracy, skill = estimate_by_blocks(_sum_days(days, naive.guess, scale), _figures)
    assert mae is not None
    assert rmse is not None
    assert accuracy is not None
    return Figures(
        n_predictions=n_predictions,
        n_labelled=total.n,
        accuracy=accuracy.find_limits(lowest=0.0, highest=1.0).widen_to(
            wilson(total.n_within, total.n)
        ),
        mae=mae.find_limits(lowest=0.0),
        rmse=rmse.find_limits(lowest=0.0),
        bias=total.sum_error / total.n,
        naive=naive,
        skill=None if skill is None else skill.find_limits(highest=1.0),
    )


def choose_naive(outcomes: Outcomes, scale: Scale, tolerance: float) -> Naive:
    """The best constants for the labels of which `outcomes` holds the counts, by 200 steps of the
    scale. The MAE is exact for each of the steps' edges: the sum of distances from an edge needs
    only the count and the sum of each step. For the RMSE and the accuracy the labels of a step
    stand for their mean: exact where labels are whole steps, and otherwise no more off than half a
    step (RMSE) and the labels of the two steps at the ends of the tolerance (accuracy).

    >>> labels = {20: (1, 10.0), 40: (1, 20.0), 120: (1, 60.0)}
    >>> choose_naive(Outcomes(n=3, actuals=labels), Scale(0.0, 100.0), 5.0)
    Naive(guess=20.0, mae=16.666666666666668, rmse=21.602468994692867, accuracy=0.6666666666666666)
    """
    edges = _edges(scale)
    distances = _distances(outcomes, scale)
    best = int(np.argmin(distances))
    steps = [outcomes.actuals[bucket] for bucket in sorted(outcomes.actuals)]
    n, total = np.array(steps, dtype=np.float64).T
    mean = total / n
    centre = total.sum() / n.sum()
    reach = tolerance + EDGE * max(1.0, tolerance)
    n_before = np.concatenate([[0.0], np.cumsum(n)])
    first = np.searchsorted(mean, edges - reach, side="left")
    last = np.searchsorted(mean, edges + reach, side="right")
    return Naive(
        guess=float(edges[best]),
        mae=float(distances[best]) / outcomes.n,
        rmse=math.sqrt(float(n @ (mean - centre) ** 2) / n.sum()),
        accuracy=float((n_before[last] - n_before[first]).max() / n.sum()),
    )


def _merge_days(rollups: Iterable[Rollup]) -> list[Outcomes]:
    days: dict[datetime, list[Outcomes]] = {}
    for rollup in rollups:
        if rollup.outcomes.n:
            days.setdefault(floor_time(rollup.start_at, DAY), []).append(rollup.outcomes)
    return [merge_outcomes(days[day]) for day in sorted(days)]


@cache
def _edges(scale: Scale) -> NDArray[np.float64]:
    return np.array(score_edges(scale.low, scale.high, N_ACTUAL_BUCKETS))


def _distances(outcomes: Outcomes, scale: Scale) -> NDArray[np.float64]:
    """The sum of |actual - edge| for each of the 201 edges."""
    n, total = np.zeros(N_ACTUAL_BUCKETS + 1), np.zeros(N_ACTUAL_BUCKETS + 1)
    if outcomes.actuals:
        buckets = np.array(list(outcomes.actuals)) + 1
        n[buckets], total[buckets] = np.array(list(outcomes.actuals.values())).T
    n_below, sum_below = np.cumsum(n), np.cumsum(total)
    edges = _edges(scale)
    below = n_below * edges - sum_below
    above = (sum_below[-1] - sum_below) - (n_below[-1] - n_below) * edges
    distances: NDArray[np.float64] = np.maximum(below + above, 0.0)
    return distances


def _sum_days(days: Sequence[Outcomes], guess: float, scale: Scale) -> NDArray[np.float64]:
    """Return the sums of each day, shape (n_days, 5), with those of |actual - guess| last."""
    edge = round((guess - scale.low) / (scale.high - scale.low) * N_ACTUAL_BUCKETS)
    return np.array(
        [
            (day.n, day.n_within, day.sum_abs, day.sum_squared, _distances(day, scale)[edge])
            for day in days
        ],
        dtype=np.float64,
    )


def _figures(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return MAE, RMSE, accuracy and skill; there is no skill where the constant errs nowhere."""
    n, within, absolute, squared, distance = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        skill = np.where(distance > 0, 1 - absolute / distance, np.nan)
        return np.column_stack([absolute / n, np.sqrt(squared / n), within / n, skill])


def _explain(n_predictions: int, n_labelled: int, min_labels: int) -> str:
    if n_predictions == 0:
        return "No predictions in this window."
    if n_labelled == 0:
        return f"None of {n_predictions:,} predictions has a label yet; {min_labels} are needed."
    return (
        f"{n_labelled:,} of {n_predictions:,} predictions have a label; {min_labels} are needed "
        "before a figure means something."
    )


def load_performance(
    db: Database,
    from_at: datetime,
    to_at: datetime,
    *,
    tolerance: float,
    scale: Scale,
    min_labels: int,
    step: timedelta | None = None,
) -> Performance:
    """The labelled predictions of a window, by the time of the prediction, from the rollups alone;
    its ends are widened to whole minutes. `step` is that of the series: hours up to two days, else
    days, unless given."""
    with db.read() as conn:
        return summarize_performance(
            load_window(conn, from_at, to_at, step),
            from_at,
            to_at,
            tolerance=tolerance,
            scale=scale,
            min_labels=min_labels,
            step=step,
        )
