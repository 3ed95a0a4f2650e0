"""The verdict of a trial, as a whole and by category, from its labelled pairs; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from core import text
from core.deployment.pair_accumulator import measure_echo
from core.domain.trial import (
    FrozenVerdict,
    Moments,
    PairSums,
    TrafficSplit,
    Trial,
    TrialPoint,
    TrialSettings,
    TrialVerdict,
)
from core.domain.version import version_name
from core.stats.intervals import Interval
from core.stats.sequential import (
    count_needed,
    find_crossing,
    find_log_evidence,
    find_log_mismatch,
    follow_sums,
)

MOST_PARTS = 20
"""The number of categories that are judged; each has this share of the false verdicts
(Bonferroni)."""


@dataclass(frozen=True, slots=True)
class PartVerdict:
    """The comparisons of one category so far."""

    where: str
    n: int
    advantage: Interval
    verdict: TrialVerdict


def judge_parts(sums: PairSums, settings: TrialSettings) -> tuple[PartVerdict, ...]:
    """Return the verdicts of the largest categories with enough comparisons. Their intervals are
    valid at every look, all of them together.

    >>> judge_parts(PairSums(), TrialSettings())
    ()
    """
    found = []
    for column, values in sums.parts.items():
        for value, part in values.items():
            kept = part.moments
            if kept.n < settings.burn_in:
                continue
            path = follow_sums(
                np.array([float(kept.n)]),
                kept.shift,
                np.array([kept.total]),
                np.array([kept.squares]),
                t_star=settings.t_star,
                alpha=settings.alpha / MOST_PARTS,
                burn_in=settings.burn_in,
            )
            crossing = find_crossing(path, settings.margin)
            verdict = TrialVerdict.NOT_YET if crossing is None else TrialVerdict(crossing.verdict)
            low, high = float(path.low[0]), float(path.high[0])
            advantage = Interval(float(path.value[0]), low, high)
            found.append(PartVerdict(f"{column} = {value}", kept.n, advantage, verdict))
    return tuple(sorted(found, key=lambda part: (-part.n, part.where))[:MOST_PARTS])


_MOST_LOG_EVIDENCE = 700.0  # of what a float holds
_ECHO = 0.1
_ECHO_DEVIATIONS = 4.0  # while undecided: looked at often
_ECHO_DEVIATIONS_DECIDED = 2.5  # of the differences up to the verdict: looked at once


@dataclass(frozen=True, slots=True)
class TrialReport:
    """The results of a trial. The estimate is the champion's mean absolute error minus the
    challenger's, in points: above 0, the challenger is better."""

    verdict: TrialVerdict
    reasons: tuple[str, ...]
    n_pairs: int  # labelled requests that both scored
    n_waiting: int  # of these, pairs of a unit's day that has not ended
    waiting_until_at: datetime | None  # its end
    n_differences: int  # what is compared: pairs without a unit, and means of a unit's day
    estimate: Interval | None  # None before the burn-in
    decided: TrialPoint | None  # the first crossing
    n_pairs_needed: int | None  # more, if all stays as it is; None where nobody can say
    days_needed: float | None
    within: TrialVerdict  # by who is within the tolerance more often: secondary to the error
    within_evidence: float  # the e-value of that; decided from 1 / alpha on
    parts: tuple[PartVerdict, ...]  # by category
    series: tuple[TrialPoint, ...]


def judge_trial(
    trial: Trial,
    sums: PairSums,
    splits: Sequence[TrafficSplit],
    labelled_splits: Sequence[TrafficSplit],
    now: datetime,
    frozen: FrozenVerdict | None = None,
) -> TrialReport:
    """Return the results of a trial from the sums of its labelled pairs. They are valid at every
    look: the verdict is that of the first crossing, or `frozen` if that is stored.

    `splits` say who answered, `labelled_splits` whose answers were labelled. A split unlike the
    plan, labels that prefer a version, or differences that echo each other make it invalid."""
    crossing = sums.decided
    decided = None if crossing is None else crossing.point
    verdict = TrialVerdict.NOT_YET if crossing is None else crossing.verdict
    if frozen is not None:
        decided = TrialPoint(frozen.at, frozen.n_differences, frozen.value, frozen.low, frozen.high)
        verdict = frozen.verdict
    faults = _find_split_faults(splits, labelled_splits, trial.settings)
    if frozen is None:
        faults += _find_echo_faults(sums)
    needed, days = (None, None) if decided else _estimate_rest(sums, trial, now)
    newest = sums.newest
    report = TrialReport(
        verdict=TrialVerdict.INVALID if faults else verdict,
        reasons=faults,
        n_pairs=sums.n_pairs,
        n_waiting=_count_waiting(sums),
        waiting_until_at=sums.waiting_until_at,
        n_differences=sums.moments.n,
        estimate=None if newest is None else Interval(newest.value, newest.low, newest.high),
        decided=decided,
        n_pairs_needed=needed,
        days_needed=days,
        within=sums.within,
        within_evidence=_find_evidence(sums),
        parts=judge_parts(sums, trial.settings),
        series=_close_series(sums),
    )
    return report if faults else _explain(report, trial)


def _close_series(sums: PairSums) -> tuple[TrialPoint, ...]:
    """Return the stored points, and the newest."""
    newest = sums.newest
    if newest is None or newest in sums.series[-1:]:
        return sums.series
    return (*sums.series, newest)


def _count_waiting(sums: PairSums) -> int:
    return sum(day.n for day in sums.waiting.values())


def _find_evidence(sums: PairSums) -> float:
    wins, losses = np.array([float(sums.n_wins)]), np.array([float(sums.n_losses)])
    return math.exp(min(float(find_log_evidence(wins, losses)[0]), _MOST_LOG_EVIDENCE))


def _find_split_faults(
    splits: Sequence[TrafficSplit], labelled_splits: Sequence[TrafficSplit], settings: TrialSettings
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


def _find_echo_faults(sums: PairSums) -> tuple[str, ...]:
    """Return faults of the differences up to the verdict, if there is one; later ones do not
    count."""
    decided = sums.decided
    if decided is None:
        n, echo, deviations = sums.moments.n, measure_echo(sums), _ECHO_DEVIATIONS
    else:
        n, echo, deviations = decided.point.n, decided.echo, _ECHO_DEVIATIONS_DECIDED
    if echo <= _ECHO or echo * math.sqrt(n) <= deviations:
        return ()
    return (
        f"Differences that follow each other are alike (correlation {text.number(echo, 2)}), so "
        "there are "
        "fewer of them than it seems. Send `unit_id` with each request: one unit's day then "
        "counts once.",
    )


def _mismatch(splits: Sequence[TrafficSplit]) -> float:
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


def _shares(splits: Sequence[TrafficSplit]) -> str:
    mixed = [split for split in splits if 0 < split.traffic < 1]
    n = sum(split.n_champion + split.n_challenger for split in mixed)
    n_challenger = sum(split.n_challenger for split in mixed)
    planned = math.fsum((split.n_champion + split.n_challenger) * split.traffic for split in mixed)
    return f"the challenger has {n_challenger:,} of {n:,} and {planned:,.0f} were planned"


def _estimate_rest(sums: PairSums, trial: Trial, now: datetime) -> tuple[int | None, float | None]:
    """Return the numbers of pairs and days that are still needed if nothing changes; no pairs if
    those that wait for the end of their day may be enough."""
    n, settings = sums.moments.n, trial.settings
    days = (now - trial.started_at) / timedelta(days=1)
    if n < 2 or days <= 0:
        return None, None
    value, deviation = _describe_moments(sums.moments)
    needed = count_needed(
        n,
        value,
        deviation,
        settings.margin,
        t_star=settings.t_star,
        alpha=settings.alpha,
        burn_in=settings.burn_in,
    )
    if needed is None:
        return None, None
    n_coming = len(sums.waiting)  # a comparison for each unit, when the day has ended
    day_ends = timedelta(0)
    if sums.waiting_until_at is not None:
        day_ends = max(timedelta(0), sums.waiting_until_at - now)
    rest = max(0, max(1, needed) - n_coming)  # one more at least: these have not decided it
    return (
        math.ceil(rest * sums.n_pairs / (n + n_coming)),
        max(rest * days / (n + n_coming), day_ends / timedelta(days=1)),
    )


def _describe_moments(moments: Moments) -> tuple[float, float]:
    """Return the mean and standard deviation of at least two differences."""
    mean = moments.total / moments.n
    variance = max(moments.squares / moments.n - mean**2, 0.0) * moments.n / (moments.n - 1)
    return mean + moments.shift, math.sqrt(variance)


def _explain(report: TrialReport, trial: Trial) -> TrialReport:
    """Return the report with its verdict in a sentence."""
    champion, challenger = version_name(trial.champion), version_name(trial.challenger)
    margin, decided = trial.settings.margin, report.decided
    if decided is None:
        sentence = _explain_wait(report)
    else:
        found = (
            f"{text.signed(decided.low)} to {text.signed(decided.high)} points after "
            f"{decided.n} comparisons"
        )
        sentence = {
            TrialVerdict.BETTER: f"{challenger} is more accurate than {champion}: its mean error "
            f"is smaller by {found}.",
            TrialVerdict.WORSE: f"{challenger} is less accurate than {champion}: by {found}.",
            TrialVerdict.EQUIVALENT: f"{challenger} and {champion} are equally accurate: they "
            f"differ by {found}, which is within {margin:g}.",
        }[report.verdict]
    return replace(report, reasons=(sentence,))


def _explain_wait(report: TrialReport) -> str:
    if report.n_pairs == 0:
        return "No request that both versions scored has a label yet."
    waits = ""
    if report.n_waiting and report.waiting_until_at is not None:
        waits = (
            f"{report.n_waiting:,} of {report.n_pairs:,} labelled pairs wait for the end of their "
            f"day, at {report.waiting_until_at:%Y-%m-%d %H:%M} UTC: a unit's day counts once"
        )
    if report.n_pairs_needed is None or report.days_needed is None:
        if waits:
            return f"Not decided yet: {waits}."
        return f"{report.n_pairs} labelled pairs do not say yet how many will be needed."
    if not report.n_pairs_needed:
        return f"Not decided yet: {waits}, and these may be enough."
    rest = (
        f"Not decided after {report.n_pairs:,} labelled pairs: about {report.n_pairs_needed:,} "
        f"more, or {text.duration(report.days_needed * 86_400)}, if it goes on like this"
    )
    return f"{rest}; {waits}." if waits else f"{rest}."
