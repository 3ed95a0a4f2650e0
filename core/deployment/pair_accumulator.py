"""Adding labelled pairs to the sums of a trial, which then say what all pairs together say."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from core.domain.trial import (
    Decision,
    Moments,
    Pair,
    PairSlice,
    PairSums,
    TrialPoint,
    TrialSettings,
    TrialVerdict,
    UnitDay,
)
from core.stats.sequential import Path, find_crossing, find_log_evidence, follow_sums
from core.stats.slices import MOST_LEVELS

STEPS_SHOWN = 200

Floats = NDArray[np.float64]


def fold_pairs(
    sums: PairSums, pairs: Iterable[Pair], settings: TrialSettings, now: datetime
) -> PairSums:
    """Return the sums with these pairs added, which follow the earlier ones by their first labels.

    Pairs of one unit and day (of their first label, UTC) count as their mean, once the day has
    ended; however the pairs are cut into stretches, the sums are the same."""
    for end, members in groupby(pairs, lambda pair: next_day(pair.labelled_at)):
        if sums.waiting_until_at is not None and sums.waiting_until_at < end:
            sums = _end_day(sums, settings)
        sums = _add_pairs(sums, list(members), end, settings)
    if sums.waiting_until_at is not None and sums.waiting_until_at <= now:
        sums = _end_day(sums, settings)
    return sums


def next_day(at: datetime) -> datetime:
    """Return the end of the UTC day of a moment.

    >>> next_day(datetime(2026, 3, 2, 12, tzinfo=UTC)).isoformat()
    '2026-03-03T00:00:00+00:00'
    """
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def measure_echo(sums: PairSums) -> float:
    """The correlation of each difference with the one before it, as `core.stats.sequential`'s
    `find_echo` gives it.

    >>> measure_echo(PairSums())
    0.0
    """
    moments = sums.moments
    return _correlate(moments, sums.first, sums.last, sums.echo)


def _correlate(moments: Moments, first: float, last: float, products: float) -> float:
    n, shift = moments.n, moments.shift
    if n < 3:
        return 0.0
    mean = moments.total / n
    spread = moments.squares - n * mean**2
    size = moments.squares + 2 * shift * moments.total + n * shift**2
    if spread <= 1e-12 * max(1.0, size):
        return 0.0
    follow = products - mean * (2 * moments.total - first - last) + (n - 1) * mean**2
    return follow / spread


def _add_pairs(
    sums: PairSums, pairs: Sequence[Pair], end: datetime, settings: TrialSettings
) -> PairSums:
    """Return the sums with the pairs of one day: those without a unit are compared at once, the
    others wait."""
    own = [abs(pair.champion - pair.actual) for pair in pairs]
    other = [abs(pair.challenger - pair.actual) for pair in pairs]
    error = [a - b for a, b in zip(own, other, strict=True)]
    limit = settings.tolerance
    within = [(b <= limit) - (a <= limit) for a, b in zip(own, other, strict=True)]
    units = [pair.unit_id for pair in pairs]
    single = [i for i, unit in enumerate(units) if unit is None]
    waits = len(single) < len(pairs)
    sums = replace(
        sums,
        n_pairs=sums.n_pairs + len(pairs),
        champion_error=sum(own, start=sums.champion_error),
        challenger_error=sum(other, start=sums.challenger_error),
        waiting_until_at=end if waits else sums.waiting_until_at,
        waiting=_wait(sums.waiting, units, error, within) if waits else sums.waiting,
    )
    sums = _add_categories(sums, pairs, error, within)
    return _compare(
        sums,
        [pairs[i].labelled_at for i in single],
        np.array([error[i] for i in single], dtype=np.float64),
        np.array([within[i] for i in single], dtype=np.float64),
        settings,
    )


def _wait(
    waiting: Mapping[str, UnitDay],
    units: Sequence[str | None],
    error: Sequence[float],
    within: Sequence[int],
) -> dict[str, UnitDay]:
    found = dict(waiting)
    for unit, difference, win in zip(units, error, within, strict=True):
        if unit is not None:
            day = found.get(unit, UnitDay())
            found[unit] = UnitDay(day.n + 1, day.error + difference, day.within + win)
    return found


def _end_day(sums: PairSums, settings: TrialSettings) -> PairSums:
    """Return the sums with the means of the units whose day has ended, by unit."""
    assert sums.waiting_until_at is not None
    days = [sums.waiting[unit] for unit in sorted(sums.waiting)]
    end = sums.waiting_until_at
    parts = {
        column: {value: _end_part(part) for value, part in values.items()}
        for column, values in sums.parts.items()
    }
    sums = replace(sums, waiting_until_at=None, waiting={}, parts=parts)
    return _compare(
        sums,
        [end] * len(days),
        np.array([day.error / day.n for day in days], dtype=np.float64),
        np.array([day.within / day.n for day in days], dtype=np.float64),
        settings,
    )


def _end_part(part: PairSlice) -> PairSlice:
    means = [part.waiting[unit].error / part.waiting[unit].n for unit in sorted(part.waiting)]
    return PairSlice(_add_moments(part.moments, np.array(means, dtype=np.float64)))


def _compare(
    sums: PairSums,
    at: Sequence[datetime],
    error: Floats,
    within: Floats,
    settings: TrialSettings,
) -> PairSums:
    """Differences that are settled, in their order."""
    if not at:
        return sums
    moments = _start(sums.moments, error)
    shifted = error - moments.shift
    n = moments.n + np.arange(1, len(at) + 1, dtype=np.float64)
    totals, squares = _run(moments.total, shifted), _run(moments.squares, shifted**2)
    first = sums.first if moments.n else float(shifted[0])
    before = np.concatenate(([sums.last if moments.n else 0.0], shifted[:-1]))
    products = _run(sums.echo, before * shifted)
    path = follow_sums(
        n,
        moments.shift,
        totals,
        squares,
        t_star=settings.t_star,
        alpha=settings.alpha,
        burn_in=settings.burn_in,
    )
    points = _Points(at, moments.n, path)

    def decide() -> Decision | None:
        crossing = find_crossing(path, settings.margin)
        if crossing is None:
            return None
        i = crossing.n - 1
        so_far = Moments(int(n[i]), moments.shift, float(totals[i]), float(squares[i]))
        echo = _correlate(so_far, first, float(shifted[i]), float(products[i]))
        return Decision(TrialVerdict(crossing.verdict), points.get(i), echo)

    stride, series = _keep_points(sums, points, settings.burn_in)
    sums = _count_wins(sums, within, settings.alpha)
    return replace(
        sums,
        moments=Moments(int(n[-1]), moments.shift, float(totals[-1]), float(squares[-1])),
        first=first,
        last=float(shifted[-1]),
        echo=float(products[-1]),
        decided=sums.decided or decide(),
        stride=stride,
        series=series,
        newest=points.get(len(at) - 1) if n[-1] >= settings.burn_in else None,
    )


class _Points:
    """A stretch of the path with the moments at which it was so."""

    def __init__(self, at: Sequence[datetime], n_before: int, path: Path) -> None:
        self.at, self.n_before, self.path = at, n_before, path

    def get(self, i: int) -> TrialPoint:
        path = self.path
        return TrialPoint(
            self.at[i],
            self.n_before + i + 1,
            float(path.value[i]),
            float(path.low[i]),
            float(path.high[i]),
        )


def _keep_points(
    sums: PairSums, points: _Points, burn_in: int
) -> tuple[int, tuple[TrialPoint, ...]]:
    """Every so many differences a point, twice as far apart whenever there are too many."""
    last = points.n_before + len(points.at)
    stride = sums.stride
    while last >= burn_in and (last - burn_in) // stride + 1 >= STEPS_SHOWN:
        stride *= 2
    kept = [point for point in sums.series if (point.n - burn_in) % stride == 0]
    start = max(points.n_before + 1, burn_in)
    start += -(start - burn_in) % stride
    kept += [points.get(n - points.n_before - 1) for n in range(start, last + 1, stride)]
    return stride, tuple(kept)


def _count_wins(sums: PairSums, within: Floats, alpha: float) -> PairSums:
    """Return the sums with wins and losses, and the first time that they could not be equally
    likely."""
    wins = sums.n_wins + np.cumsum(within > 0)
    losses = sums.n_losses + np.cumsum(within < 0)
    verdict = sums.within
    if verdict is TrialVerdict.NOT_YET:
        evidence = find_log_evidence(wins.astype(np.float64), losses.astype(np.float64))
        decided = evidence >= -math.log(alpha)
        if decided.any():
            i = int(np.argmax(decided))
            verdict = TrialVerdict.BETTER if wins[i] > losses[i] else TrialVerdict.WORSE
    return replace(sums, n_wins=int(wins[-1]), n_losses=int(losses[-1]), within=verdict)


def _add_categories(
    sums: PairSums, pairs: Sequence[Pair], error: Sequence[float], within: Sequence[int]
) -> PairSums:
    groups: dict[str, dict[str, list[int]]] = {}
    for i, pair in enumerate(pairs):
        for column, value in pair.categories:
            groups.setdefault(column, {}).setdefault(value, []).append(i)
    parts, crowded = dict(sums.parts), set(sums.crowded)
    for column, values in groups.items():
        known = parts.get(column, {})
        if column in crowded or len({*known, *values}) > MOST_LEVELS:
            crowded.add(column)
            parts.pop(column, None)
            continue
        added = {}
        for value, places in values.items():
            units = [pairs[i].unit_id for i in places]
            own = [error[i] for i in places]
            wins = [within[i] for i in places]
            added[value] = _add_part(known.get(value, PairSlice()), units, own, wins)
        parts[column] = {**known, **added}
    return replace(sums, parts=parts, crowded=tuple(sorted(crowded)))


def _add_part(
    part: PairSlice, units: Sequence[str | None], error: Sequence[float], within: Sequence[int]
) -> PairSlice:
    single = [e for e, unit in zip(error, units, strict=True) if unit is None]
    waits = len(single) < len(units)
    return PairSlice(
        _add_moments(part.moments, np.array(single, dtype=np.float64)),
        _wait(part.waiting, units, error, within) if waits else part.waiting,
    )


def _add_moments(moments: Moments, differences: Floats) -> Moments:
    if not len(differences):
        return moments
    moments = _start(moments, differences)
    shifted = differences - moments.shift
    return Moments(
        moments.n + len(differences),
        moments.shift,
        float(_run(moments.total, shifted)[-1]),
        float(_run(moments.squares, shifted**2)[-1]),
    )


def _start(moments: Moments, differences: Floats) -> Moments:
    return moments if moments.n else Moments(shift=float(differences[0]))


def _run(start: float, values: Floats) -> Floats:
    """Running sums that go on from `start`: added one by one, so that stretches change nothing."""
    return np.cumsum(np.concatenate(([start], values)))[1:]
