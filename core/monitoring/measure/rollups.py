"""Counting: predictions and their labels become minutes, minutes become hours and days."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from core.domain.monitoring import DAY, HOUR, MINUTE, Observation, Outcomes, Rollup, floor_time
from core.domain.prediction import AnswerSource, Route, count_rows_of
from core.settings import Scale
from core.stats.histogram import latency_bucket, merge, score_bucket, score_buckets
from core.stats.metrics import is_accurate

N_ACTUAL_BUCKETS = 200
"""The constants that skill is measured against stand on this many steps of the scale."""


_Group = tuple[datetime, int, AnswerSource, Route]


def build_minutes(
    observations: Iterable[Observation], *, scale: Scale, tolerance: float
) -> list[Rollup]:
    """Return one rollup for each minute, version, source and route that occurs, oldest first. The
    latency of a batch is that of the request, whose rows have a share of it each."""
    groups: dict[_Group, list[Observation]] = {}
    for observation in observations:
        route = Route.SINGLE if observation.batch_rows is None else Route.BATCH
        key = (observation.minute_at, observation.version, observation.source, route)
        groups.setdefault(key, []).append(observation)
    return [
        Rollup(
            seconds=MINUTE,
            start_at=start_at,
            version=version,
            source=group[0].source,
            n=len(group),
            latency=dict(
                Counter(
                    latency_bucket(row.latency_ms * n_rows)
                    for row in group
                    if (n_rows := count_rows_of(row.batch_rows))
                )
            ),
            scores=dict(
                Counter(
                    score_bucket(row.score, scale.low, scale.high)
                    for row in group
                    if row.score is not None
                )
            ),
            outcomes=_count_outcomes(group, scale, tolerance),
            route=route,
            n_further=sum(row.batch_rows == 0 for row in group),
        )
        for (start_at, version, _, route), group in sorted(groups.items(), key=itemgetter(0))
    ]


def build_longer(rollups: Iterable[Rollup], seconds: int) -> list[Rollup]:
    """The same counts by longer spans, oldest first."""
    groups: dict[_Group, list[Rollup]] = {}
    for rollup in rollups:
        start_at = floor_time(rollup.start_at, seconds)
        key = (start_at, rollup.version, rollup.source, rollup.route)
        groups.setdefault(key, []).append(rollup)
    return [
        Rollup(
            seconds=seconds,
            start_at=start_at,
            version=version,
            source=group[0].source,
            n=sum(rollup.n for rollup in group),
            latency=merge(rollup.latency for rollup in group),
            scores=merge(rollup.scores for rollup in group),
            outcomes=merge_outcomes(rollup.outcomes for rollup in group),
            route=route,
            n_further=sum(rollup.n_further for rollup in group),
        )
        for (start_at, version, _, route), group in sorted(groups.items(), key=itemgetter(0))
    ]


def merge_outcomes(outcomes: Iterable[Outcomes]) -> Outcomes:
    """The sums of several together.

    >>> merge_outcomes([Outcomes(n=1, sum_abs=2.0), Outcomes(n=2, sum_abs=3.5)]).sum_abs
    5.5
    """
    parts = [part for part in outcomes if part.n]
    if len(parts) == 1:
        return parts[0]
    actuals: dict[int, tuple[int, float]] = {}
    for part in parts:
        for bucket, (n, total) in part.actuals.items():
            old_n, old_total = actuals.get(bucket, (0, 0.0))
            actuals[bucket] = (old_n + n, old_total + total)
    return Outcomes(
        n=sum(part.n for part in parts),
        n_within=sum(part.n_within for part in parts),
        sum_error=sum((part.sum_error for part in parts), 0.0),
        sum_abs=sum((part.sum_abs for part in parts), 0.0),
        sum_squared=sum((part.sum_squared for part in parts), 0.0),
        actuals=actuals,
    )


def build_outcomes(
    score: NDArray[np.float64], actual: NDArray[np.float64], *, scale: Scale, tolerance: float
) -> Outcomes:
    """The sums over some scores and their labels; both arrays are parallel."""
    if not len(score):
        return Outcomes()
    error = score - actual
    steps = score_buckets(actual, scale.low, scale.high, N_ACTUAL_BUCKETS)
    counts, sums = np.bincount(steps), np.bincount(steps, actual)
    return Outcomes(
        n=len(score),
        n_within=int(is_accurate(actual, score, tolerance).sum()),
        sum_error=float(error.sum()),
        sum_abs=float(np.abs(error).sum()),
        sum_squared=float((error**2).sum()),
        actuals={
            int(step): (int(counts[step]), float(sums[step])) for step in np.flatnonzero(counts)
        },
    )


def split_spans(
    from_at: datetime, to_at: datetime, longest: int = DAY
) -> list[tuple[int, datetime, datetime]]:
    """Cover a window of whole minutes by as few rollups as possible: pieces (seconds, from, to) in
    the order of time, whose ends are ends of spans of that length.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> day = timedelta(days=1)
    >>> for seconds, start, end in split_spans(noon - timedelta(minutes=1), noon + 2 * day):
    ...     print(seconds, start.isoformat(" ", "minutes"), end.isoformat(" ", "minutes"))
    60 2026-03-02 11:59+00:00 2026-03-02 12:00+00:00
    3600 2026-03-02 12:00+00:00 2026-03-03 00:00+00:00
    86400 2026-03-03 00:00+00:00 2026-03-04 00:00+00:00
    3600 2026-03-04 00:00+00:00 2026-03-04 12:00+00:00
    """
    if from_at >= to_at:
        return []
    shorter = {DAY: HOUR, HOUR: MINUTE}
    if longest == MINUTE:
        return [(MINUTE, from_at, to_at)]
    first = floor_time(from_at + timedelta(seconds=longest, microseconds=-1), longest)
    last = floor_time(to_at, longest)
    if first >= last:
        return split_spans(from_at, to_at, shorter[longest])
    return [
        *split_spans(from_at, first, shorter[longest]),
        (longest, first, last),
        *split_spans(last, to_at, shorter[longest]),
    ]


def split_runs(starts: Sequence[datetime], seconds: int) -> list[tuple[datetime, datetime]]:
    """Neighbouring spans, in the order of time, as half-open windows.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> minutes = [noon, noon + timedelta(minutes=1), noon + timedelta(minutes=5)]
    >>> [(start.minute, end.minute) for start, end in split_runs(minutes, MINUTE)]
    [(0, 2), (5, 6)]
    """
    length = timedelta(seconds=seconds)
    runs = []
    for _, run in groupby(enumerate(starts), key=lambda item: item[1] - item[0] * length):
        members = [start for _, start in run]
        runs.append((members[0], members[-1] + length))
    return runs


def describe_basis(scale: Scale, tolerance: float) -> str:
    """Return the scale and tolerance of rollups; those of another basis are counted again.

    >>> describe_basis(Scale(0.0, 100.0), 5.0)
    '0.0:100.0 within 5.0'
    """
    return f"{scale.low}:{scale.high} within {tolerance}"


def _count_outcomes(group: Sequence[Observation], scale: Scale, tolerance: float) -> Outcomes:
    pairs = [(row.score, row.actual) for row in group if None not in (row.score, row.actual)]
    score, actual = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return build_outcomes(score, actual, scale=scale, tolerance=tolerance)
