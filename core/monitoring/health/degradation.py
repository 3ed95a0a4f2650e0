"""Degradation: the live error of a version in multiples of the error that its training promised."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from core import text
from core.domain.monitoring import Health, Outcomes, Reason
from core.domain.training_report import Metrics
from core.domain.version import version_name
from core.monitoring.measure.rollups import merge_outcomes
from core.stats.intervals import (
    BlockEstimate,
    Interval,
    divide_sums,
    estimate_by_blocks,
    mean_of_rows,
)

MIN_LABELS = 4
"""Labels below which nothing is said about the error."""

KEPT = 1.1
"""Up to this many times the promised error, the promise is kept for sure."""

WIDER_SPANS = (1, 4, 13)
"""How many times the usual span may be looked back where it holds too few labels."""

MIN_NEWEST = 2
"""Labels that say, where a longer span was looked at, that what it found is over."""

NEXT_STEP = "Compare the versions on the monitoring page; roll back, or train on newer rows."
"""What to do about an error that is not well."""

_ONE_SIDED = 0.9  # both limits of 90 %: below the lower one in 5 of 100 cases


@dataclass(frozen=True, slots=True)
class Newest:
    """The last labels of a span, and their MAE over the promised one."""

    n_labelled: int
    ratio: float


@dataclass(frozen=True, slots=True)
class ErrorGrowth:
    """Live MAE over promised MAE. The page and the messages show it with its 95 % interval by days;
    two lower bounds, each of 95 %, decide: `surely`, the growth of which these rows leave no doubt,
    whatever other days may bring, and `lasts`, the growth that goes on if other days are like
    these; for labels of one day that of the rows."""

    shown: Interval
    surely: float
    lasts: float

    @property
    def value(self) -> float:
        """Live MAE over promised MAE."""
        return self.shown.value


@dataclass(frozen=True, slots=True)
class LiveError:
    """The newest labelled predictions of a version, compared with what its training promised: the
    error on rows that were held out, later in time than those it learned from. `ratio` divides each
    error by the promise of its own version. `newest` is the end of a span that is longer than
    usual. Where too few predictions of the version that serves have a label, it is the `successor`,
    and `before` are the versions that count besides `version`, the newest of them."""

    version: int
    promised: Metrics
    n_labelled: int
    span: timedelta
    mae: float
    ratio: ErrorGrowth
    newest: Newest | None = None
    successor: int | None = None
    before: tuple[int, ...] = ()


def measure_delivery(
    promised: Mapping[int, Metrics],
    days: Sequence[Mapping[int, Outcomes]],
    span: timedelta,
    recent: Sequence[Mapping[int, Outcomes]] | None = None,
) -> LiveError | None:
    """Return the live error of a span from its outcomes, by day and by the version that made the
    predictions: of one version, or of several where none has labels enough of its own. Each error
    is divided by the holdout MAE of its own version. `recent` are the days of the usual span where
    that held too few labels. None for too few labels, and where the holdout MAE is 0."""
    multiples = {number: made.mae.value for number, made in promised.items() if made.mae.value > 0}
    pooled = [pool_day(day, multiples) for day in days]
    if sum(day.n for day in pooled) < MIN_LABELS:
        return None
    answers = [item for day in days for item in day.items() if item[0] in multiples]
    total = merge_outcomes(outcomes for _, outcomes in answers)
    *before, version = sorted({number for number, _ in answers})
    return LiveError(
        version,
        promised[version],
        total.n,
        span,
        total.sum_abs / total.n,
        find_ratio(pooled),
        newest=None
        if recent is None
        else find_newest([pool_day(day, multiples) for day in recent], pooled),
        before=tuple(before),
    )


def pool_day(day: Mapping[int, Outcomes], promised: Mapping[int, float]) -> Outcomes:
    """The size of a day's errors, each in multiples of the MAE that its version promised; of
    versions that promised none, nothing.

    >>> day = {n: Outcomes(n=1, sum_abs=8.0, sum_squared=64.0) for n in (1, 2, 3)}
    >>> pooled = pool_day(day, {1: 4.0, 2: 2.0})
    >>> pooled.n, pooled.sum_abs, pooled.sum_squared
    (2, 6.0, 20.0)
    """
    parts = [(day[number], mae) for number, mae in promised.items() if number in day]
    return Outcomes(
        n=sum(outcomes.n for outcomes, _ in parts),
        sum_abs=sum(outcomes.sum_abs / mae for outcomes, mae in parts),
        sum_squared=sum(outcomes.sum_squared / mae**2 for outcomes, mae in parts),
    )


def find_newest(recent: Sequence[Outcomes], days: Sequence[Outcomes]) -> Newest | None:
    """Return the error of the newest labels where `recent`, the days of the usual span, holds too
    few: all of them or, where that is one, those of the newest `days` that hold two; None with
    fewer than two. Both are multiples of the holdout MAE.

    >>> bad, well = Outcomes(n=1, sum_abs=2.25), Outcomes(n=1, sum_abs=0.5)
    >>> find_newest([well], [bad, bad, well, well])
    Newest(n_labelled=2, ratio=0.5)
    """
    newest = merge_outcomes(recent)
    for n in range(1, len(days) + 1):
        if newest.n >= MIN_NEWEST:
            break
        newest = merge_outcomes(days[-n:])
    return None if newest.n < MIN_NEWEST else Newest(newest.n, newest.sum_abs / newest.n)


def find_ratio(days: Sequence[Outcomes]) -> ErrorGrowth:
    """Return the mean of errors in multiples of the promise (`pool_day`) with its limits, from the
    sums of at least one day with labels. All limits are Student's on the logarithm, since an error
    is a scale and its mean is skewed.

    >>> growth = find_ratio([Outcomes(n=2, sum_abs=total, sum_squared=4.0) for total in (2, 3, 4)])
    >>> growth.value, round(growth.shown.low, 2), round(growth.shown.high, 2)
    (1.5, 0.66, 3.43)
    """
    sums = np.array([(day.sum_abs, day.n) for day in days if day.n], dtype=np.float64)
    total, n = sums.sum(axis=0)
    if total == 0.0:
        return ErrorGrowth(Interval(0.0, 0.0, 0.0), 0.0, 0.0)
    rows = _on_log(mean_of_rows(int(n), total, sum(day.sum_squared for day in days)))
    (mean,) = estimate_by_blocks(sums, divide_sums)
    assert mean is not None
    by_day = _on_log(mean)
    limits = by_day.find_limits()
    surely = _exp(rows.find_limits(_ONE_SIDED).low)
    return ErrorGrowth(
        Interval(mean.value, _exp(limits.low), _exp(limits.high)),
        surely=surely,
        lasts=_exp(by_day.find_limits(_ONE_SIDED).low) if len(sums) > 1 else surely,
    )


def judge_ratio(ratio: ErrorGrowth, warning: float, critical: float) -> tuple[Health, bool]:
    """Return the health of the ratio of the live error to the holdout MAE, and True if chance is
    excluded.

    Above `warning` times the promise it warns, confirmed where it surely grew: so large the error
    was, be it for a bad day that will not come again. Above `critical` it is critical where it
    lasts above `warning`: then a rollback or a training has something to mend. Between 1.1 and
    `warning` times neither is sure: what was found before stands.

    >>> large, small = Interval(1.4, 0.9, 2.2), Interval(1.15, 1.1, 1.2)
    >>> judge_ratio(ErrorGrowth(large, surely=1.2, lasts=1.0), 1.2, 1.5)
    (<Health.WARNING: 'warning'>, True)
    >>> judge_ratio(ErrorGrowth(large, surely=0.9, lasts=1.0), 1.2, 1.5)
    (<Health.WARNING: 'warning'>, False)
    >>> judge_ratio(ErrorGrowth(small, surely=1.1, lasts=1.1), 1.2, 1.5)
    (<Health.HEALTHY: 'healthy'>, False)
    """
    if ratio.value <= warning:
        return Health.HEALTHY, ratio.value <= min(KEPT, warning)
    if ratio.lasts > warning and ratio.value > critical:
        return Health.CRITICAL, True
    return Health.WARNING, ratio.surely > 1.0


def check_promise(delivered: LiveError, warning: float, critical: float) -> Reason:
    """Judge whether the live error is what the training promised: this check opens the incident
    "error_growth" and ends it. What versions did before they were replaced is at most a warning:
    their successor is not to be rolled back for it. Where labels are so few that a longer
    span has to be looked at, the newest of them end what it found, once they keep the promise."""
    health, confirmed = judge_ratio(delivered.ratio, warning, critical)
    if delivered.successor is not None:
        health = Health.WARNING if health is Health.CRITICAL else health
    ratio = delivered.ratio
    limits = _limits(health, warning, critical, confirmed=confirmed, lasts=ratio.lasts > 1.0)
    newest = delivered.newest
    if newest is not None and newest.ratio <= KEPT < ratio.value:
        health, confirmed = Health.HEALTHY, True
        limits = f"the newest {newest.n_labelled} keep it, at {text.figure(newest.ratio)} times."
    message = (
        f"The error of {_name(delivered)} is {text.figure(ratio.value)} times what "
        f"{'its' if not delivered.before else 'their'} training promised "
        f"({text.interval_by('days', ratio.shown)}): {_measured(delivered)}; {limits}"
    )
    return Reason(
        "error_growth", health, message, "" if health is Health.HEALTHY else NEXT_STEP, confirmed
    )


def _name(delivered: LiveError) -> str:
    """Whose error it is, and who serves now where that is another."""
    judged = (*delivered.before, delivered.version)
    *others, last = map(version_name, judged)
    name = f"{', '.join(others)} and {last}" if others else last
    if delivered.successor is None or delivered.successor in judged:
        return name
    them = "them" if delivered.before else "it"
    return f"{name}, before {version_name(delivered.successor)} replaced {them},"


def _measured(delivered: LiveError) -> str:
    labels = f"{delivered.n_labelled:,} labels of {text.duration(delivered.span)}"
    if delivered.before:
        return f"{labels}, each beside what its own version promised"
    mae, held_out = map(text.figure, (delivered.mae, delivered.promised.mae.value))
    return f"MAE {mae} over {labels}, {held_out} on its held-out rows"


def _limits(
    health: Health, warning: float, critical: float, *, confirmed: bool, lasts: bool
) -> str:
    if health is Health.CRITICAL:
        return f"above {critical:g} times is critical."
    if health is Health.WARNING and not confirmed:
        return f"above {warning:g} times warns, but so few rows may say so by chance."
    if health is Health.WARNING and not lasts:
        return f"above {warning:g} times warns; a few days carry it."
    return f"above {warning:g} times warns."


def _on_log(mean: BlockEstimate) -> BlockEstimate:
    """Return the logarithm of a mean that is above 0 (delta method)."""
    return BlockEstimate(math.log(mean.value), mean.error / mean.value, mean.freedom)


def _exp(limit: float) -> float:
    return math.exp(min(limit, 50.0)) if math.isfinite(limit) else limit
