"""The verdict of a trial: what its labelled pairs say of the challenger, from values alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.domain.trial import FrozenVerdict, Pair, Split, Trial, TrialSettings, Verdict
from core.domain.version import version_name
from core.stats.intervals import Interval
from core.stats.ratio import find_log_mismatch
from core.stats.sequential import (
    Crossing,
    Path,
    count_needed,
    find_crossing,
    find_echo,
    find_share_crossing,
    follow_mean,
)

_STEPS_SHOWN = 200
_ECHO = 0.1
_ECHO_DEVIATIONS = 4.0  # while undecided: looked at often
_ECHO_DEVIATIONS_DECIDED = 2.5  # of the differences up to the verdict: looked at once


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """The interval as it was after the first `n` differences."""

    at: datetime
    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TrialReport:
    """What a trial says. The estimate is the champion's mean absolute error less the challenger's,
    in points: above 0, the challenger is better."""

    verdict: Verdict
    reasons: tuple[str, ...]
    n_pairs: int  # labelled requests that both scored
    n_waiting: int  # of these, pairs of a unit's day that has not ended
    n_differences: int  # what is compared: pairs without a unit, and means of a unit's day
    estimate: Interval | None  # None before the burn-in
    decided: TrialPoint | None  # the first crossing
    n_pairs_needed: int | None  # more, if all stays as it is; None where nobody can say
    days_needed: float | None
    within: Verdict  # by who is within the tolerance more often: secondary to the error
    series: tuple[TrialPoint, ...]


@dataclass(frozen=True, slots=True)
class _Differences:
    """What is compared, in the order in which it was settled."""

    at: list[datetime]
    error: NDArray[np.float64]  # the champion's less the challenger's
    within: NDArray[np.float64]
    n_waiting: int


def judge_trial(
    trial: Trial,
    pairs: Sequence[Pair],
    splits: Sequence[Split],
    labelled_splits: Sequence[Split],
    now: datetime,
    frozen: FrozenVerdict | None = None,
) -> TrialReport:
    """What the labelled pairs say of the challenger. It may be asked at any time and as often as
    one likes: the verdict is that of the first crossing, or `frozen` where that was kept.

    Pairs of one unit and day (of their first label, UTC) count as their mean, once the day has
    ended. `splits` say who answered, `labelled_splits` whose answers were labelled. A split unlike
    the plan, labels that prefer a version, or differences that echo each other make it invalid."""
    settings = trial.settings
    differences = _settle(pairs, settings.tolerance, now)
    path = follow_mean(
        differences.error,
        t_star=settings.t_star,
        alpha=settings.alpha,
        burn_in=settings.burn_in,
    )
    n = len(differences.at)
    crossing = find_crossing(path, settings.margin)
    decided = None if crossing is None else _point(differences, path, crossing.n - 1)
    verdict = Verdict.NOT_YET if crossing is None else Verdict(crossing.verdict)
    if frozen is not None:
        decided = TrialPoint(frozen.at, frozen.n_differences, frozen.value, frozen.low, frozen.high)
        verdict = frozen.verdict
    faults = _find_split_faults(splits, labelled_splits, settings)
    if frozen is None:
        faults += _find_echo_faults(differences.error, crossing)
    needed, days = (None, None) if decided else _estimate_rest(differences, trial, len(pairs), now)
    within = find_share_crossing(differences.within, settings.alpha)
    report = TrialReport(
        verdict=Verdict.INVALID if faults else verdict,
        reasons=faults,
        n_pairs=len(pairs),
        n_waiting=differences.n_waiting,
        n_differences=n,
        estimate=_last_interval(path),
        decided=decided,
        n_pairs_needed=needed,
        days_needed=days,
        within=Verdict.NOT_YET if within is None else Verdict(within.verdict),
        series=_thin(differences, path, settings.burn_in),
    )
    return report if faults else _explain(report, trial)


def _settle(pairs: Sequence[Pair], tolerance: float, now: datetime) -> _Differences:
    """The differences that cannot change any more, in the order in which they were settled."""
    groups: dict[tuple[datetime, str, int], list[Pair]] = {}
    for place, pair in enumerate(pairs):
        at, unit = pair.labelled_at, pair.unit_id
        key = (at, "", place) if unit is None else (_next_day(at), unit, -1)
        groups.setdefault(key, []).append(pair)
    settled = sorted(key for key in groups if key[0] <= now)
    rows = [_difference(groups[key], tolerance) for key in settled]
    return _Differences(
        at=[key[0] for key in settled],
        error=np.array([row[0] for row in rows], dtype=np.float64),
        within=np.array([row[1] for row in rows], dtype=np.float64),
        n_waiting=sum(len(members) for key, members in groups.items() if key[0] > now),
    )


def _difference(pairs: Sequence[Pair], tolerance: float) -> tuple[float, float]:
    errors = [
        (abs(pair.champion - pair.actual), abs(pair.challenger - pair.actual)) for pair in pairs
    ]
    n = len(errors)
    return (
        math.fsum(champion - challenger for champion, challenger in errors) / n,
        sum((other <= tolerance) - (own <= tolerance) for own, other in errors) / n,
    )


def _next_day(at: datetime) -> datetime:
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def _find_split_faults(
    splits: Sequence[Split], labelled_splits: Sequence[Split], settings: TrialSettings
) -> tuple[str, ...]:
    alarm = -math.log(settings.ratio_alpha)
    if _mismatch(splits) >= alarm:
        return (
            f"{_shares(splits)}: the split does not do what it was told, so nothing that compares "
            "the answers holds. Stop the trial and find out why.",
        )
    if _mismatch(labelled_splits) >= alarm:
        return (
            f"Of the labelled answers, {_shares(labelled_splits)}: whether an answer gets a label "
            "depends on who gave it, so the labels are not those of all requests.",
        )
    return ()


def _find_echo_faults(error: NDArray[np.float64], crossing: Crossing | None) -> tuple[str, ...]:
    """Of the differences up to the verdict, where there is one: what came later is not in it."""
    seen = error if crossing is None else error[: crossing.n]
    deviations = _ECHO_DEVIATIONS if crossing is None else _ECHO_DEVIATIONS_DECIDED
    echo = find_echo(seen)
    if echo <= _ECHO or echo * math.sqrt(len(seen)) <= deviations:
        return ()
    return (
        f"Differences that follow each other are alike (correlation {echo:.2f}), so there are "
        "fewer of them than it seems. Send `unit_id` with each request: one unit's day then "
        "counts once.",
    )


def _mismatch(splits: Sequence[Split]) -> float:
    """Evidence against the planned splits; where all goes to one version there is nothing to
    mix up."""
    return math.fsum(
        float(
            find_log_mismatch(
                np.array([split.n_champion, split.n_challenger], dtype=np.float64),
                [1 - split.traffic, split.traffic],
            )
        )
        for split in splits
        if 0 < split.traffic < 1
    )


def _shares(splits: Sequence[Split]) -> str:
    mixed = [split for split in splits if 0 < split.traffic < 1]
    n = sum(split.n_champion + split.n_challenger for split in mixed)
    n_challenger = sum(split.n_challenger for split in mixed)
    planned = math.fsum((split.n_champion + split.n_challenger) * split.traffic for split in mixed)
    return f"the challenger has {n_challenger:,} of {n:,} and {planned:,.0f} were planned"


def _estimate_rest(
    differences: _Differences, trial: Trial, n_pairs: int, now: datetime
) -> tuple[int | None, float | None]:
    """The pairs and days that are still needed, if all stays as it is."""
    n, settings = len(differences.at), trial.settings
    days = (now - trial.started_at) / timedelta(days=1)
    if n < 2 or days <= 0:
        return None, None
    needed = count_needed(
        n,
        float(differences.error.mean()),
        float(differences.error.std(ddof=1)),
        settings.margin,
        t_star=settings.t_star,
        alpha=settings.alpha,
        burn_in=settings.burn_in,
    )
    if needed is None:
        return None, None
    return math.ceil(needed * (n_pairs - differences.n_waiting) / n), needed * days / n


def _point(differences: _Differences, path: Path, i: int) -> TrialPoint:
    return TrialPoint(
        differences.at[i], i + 1, float(path.value[i]), float(path.low[i]), float(path.high[i])
    )


def _last_interval(path: Path) -> Interval | None:
    if not len(path.value) or not math.isfinite(path.low[-1]):
        return None
    return Interval(float(path.value[-1]), float(path.low[-1]), float(path.high[-1]))


def _thin(differences: _Differences, path: Path, burn_in: int) -> tuple[TrialPoint, ...]:
    n = len(differences.at)
    if n < burn_in:
        return ()
    shown = np.unique(np.linspace(burn_in - 1, n - 1, _STEPS_SHOWN).astype(int))
    return tuple(_point(differences, path, int(i)) for i in shown)


def _explain(report: TrialReport, trial: Trial) -> TrialReport:
    """The report with its verdict in a sentence."""
    champion, challenger = version_name(trial.champion), version_name(trial.challenger)
    margin, decided = trial.settings.margin, report.decided
    if decided is None:
        sentence = _explain_wait(report)
    else:
        found = f"{decided.low:+.2f} to {decided.high:+.2f} points after {decided.n} comparisons"
        sentence = {
            Verdict.BETTER: f"{challenger} is more accurate than {champion}: its mean error is "
            f"smaller by {found}.",
            Verdict.WORSE: f"{challenger} is less accurate than {champion}: by {found}.",
            Verdict.EQUIVALENT: f"{challenger} and {champion} are equally accurate: they differ by "
            f"{found}, which is within {margin:g}.",
        }[report.verdict]
    return replace(report, reasons=(sentence,))


def _explain_wait(report: TrialReport) -> str:
    if report.n_pairs == 0:
        return "No request that both versions scored has a label yet."
    if report.n_pairs_needed is None or report.days_needed is None:
        return f"{report.n_pairs} labelled pairs do not say yet how many will be needed."
    return (
        f"Not decided after {report.n_pairs} labelled pairs: about {report.n_pairs_needed:,} more, "
        f"or {report.days_needed:,.1f} days, if it goes on like this."
    )
