"""Sentences on a training: its verdict, the calibration of its scores, its learning curve."""

from collections.abc import Mapping, Sequence

from core import text
from core.domain.training_report import CurvePoint, Estimate, Picks, ScoreBand
from core.domain.version import version_name
from core.training.evaluate.gate import (
    Evidence,
    beats_champion,
    best_guess,
    explain_no_skill,
    has_skill,
    name_guess,
    name_picker,
    refreshes_champion,
)
from core.training.evaluate.picks import best_picker
from core.training.evaluate.shortfall import is_worse
from core.training.plan import PICK

_LITTLE = 0.05
"""The share of the MAE below which more rows would surely bring hardly anything."""


def summarize_training(evidence: Evidence) -> str:
    """One sentence: against what the model is better or not, by how much, on how many rows."""
    mae, skill = evidence.metrics.mae, evidence.metrics.skill
    name = best_guess(evidence.naive)
    guess = name_guess(name, evidence.naive[name].of)
    ours, theirs = text.figures_apart(mae.value, evidence.naive[name].mae)
    against = f"MAE {ours} against {theirs}"
    if evidence.purpose == PICK and evidence.picks is not None:
        sentence = describe_picks(evidence.picks)
    elif skill is None:
        sentence = f"No better than {guess}, which makes no error on the holdout."
    elif not has_skill(evidence.metrics):
        sentence = _no_skill(evidence, guess, against)
    else:
        sentence = (
            f"Better than {guess}: {against} points on {evidence.n_holdout:,} held-out rows, skill "
            f"{text.percent(skill.value)} "
            f"({text.interval_by(evidence.basis, skill, 1, 100, ' %')})"
            f"{_beside_champion(evidence)}."
        )
    if evidence.doubts.leaks:
        sentence = f"Too good to be true, because it reads what gives the target away: {sentence}"
    elif evidence.doubts.suspects:
        sentence = (
            "Perhaps too good to be true, because it reads what looks like other ratings of the "
            f"same work: {sentence}"
        )
    return ("Demo data: " if evidence.synthetic else "") + sentence


def describe_curve(points: Sequence[CurvePoint], doubling: Estimate | None, basis: str = "") -> str:
    """Return a sentence on whether more rows would help; the intervals rest on `basis`.

    >>> points = [CurvePoint(n, Estimate(9.0, 8.0, 10.0)) for n in (50, 100)]
    >>> describe_curve(points, Estimate(0.5, 0.2, 0.8), "9 days").partition(": ")[2]
    'from 50 to 100 the MAE fell by 0.500 (95 % interval by days 0.200–0.800).'
    >>> describe_curve(points, Estimate(0.1, -0.2, 0.4))[:40]
    'More rows of this kind would hardly help'
    >>> describe_curve(points, Estimate(0.1, -2.0, 3.0))[:47]
    'Whether more rows would help is not known: from'
    """
    if doubling is None or len(points) < 2:
        return "Too few rows to see whether more would help."
    fewer, all_rows = points[-2].n_rows, points[-1].n_rows
    limits = text.interval_by(basis, doubling)
    if doubling.low > 0:
        return (
            f"More rows would probably help: from {fewer:,} to {all_rows:,} the MAE fell by "
            f"{text.figure(doubling.value)} ({limits})."
        )
    changed = f"from {fewer:,} to {all_rows:,} the MAE changed by {text.signed(-doubling.value)}"
    if doubling.high < 0:
        return (
            f"More rows made it worse: {changed} (fall, {limits}). Find out how the rows that came "
            "last differ from the others."
        )
    if doubling.high > _LITTLE * points[-1].mae.value:
        return f"Whether more rows would help is not known: {changed} (fall, {limits})."
    return (
        f"More rows of this kind would hardly help: {changed}, which cannot be told from nothing "
        f"(fall, {limits}). Look for columns that say more."
    )


def describe_calibration(bands: Sequence[ScoreBand]) -> str:
    """Return a sentence on the calibration of the scores.

    >>> band = ScoreBand(60.0, 70.0, 40, 65.0, Estimate(58.0, 55.0, 61.0), 8.0)
    >>> describe_calibration([band])
    'In 1 of 1 bands the truth lies elsewhere than the score on average: too high by 7.00 at 65.0.'
    """
    if not bands:
        return "Too few rows to say what a score turns out to be."
    off = [band for band in bands if not band.actual.low <= band.score <= band.actual.high]
    if not off:
        return (
            f"On average the truth is what the score says, in each of {len(bands)} bands of scores."
        )
    worst = max(off, key=lambda band: abs(band.score - band.actual.value))
    distance = worst.score - worst.actual.value
    return (
        f"In {len(off)} of {len(bands)} bands the truth lies elsewhere than the score on average: "
        f"too {'high' if distance > 0 else 'low'} by {text.figure(abs(distance))} at "
        f"{text.figure(worst.score)}."
    )


def describe_search(search: Mapping[str, object], n_train: int) -> str:
    """Return a sentence on what the search tried and on how many rows; empty if nothing was
    searched. `search` is a report's.

    >>> tried = {"n_combinations": 81, "n_folds": 5, "n_rows": 10_000}
    >>> describe_search(tried, 12_000)
    '81 combinations were tried in 5 folds of the training rows.'
    >>> describe_search(tried, 640_000).partition(", ")[2]
    'on at most 10,000 rows a fold, evenly taken; the best one learned from all 640,000.'
    """
    n, n_folds, n_rows = (search.get(name) for name in ("n_combinations", "n_folds", "n_rows"))
    if not (isinstance(n, int) and n > 1 and isinstance(n_folds, int) and isinstance(n_rows, int)):
        return ""
    tried = f"{n:,} combinations were tried in {n_folds} folds of the training rows"
    if not 0 < n_rows < n_train / 2:  # the largest fold fits on four fifths, or was thinned
        return f"{tried}."
    return (
        f"{tried}, on at most {n_rows:,} rows a fold, evenly taken; the best one learned from all "
        f"{n_train:,}."
    )


def _no_skill(evidence: Evidence, guess: str, against: str) -> str:
    metrics = evidence.metrics
    skill = metrics.skill
    limits = (
        ""
        if skill is None
        else f", skill {text.percent(skill.value)}, "
        f"{text.interval_by(evidence.basis, skill, 1, 100, ' %')}"
    )
    start = "Worse than" if is_worse(metrics) else "Not shown to be better than"
    return f"{start} {guess} ({against}{limits}): {explain_no_skill(evidence)}."


def _beside_champion(evidence: Evidence) -> str:
    comparison = evidence.comparison
    if comparison is None or comparison.improvement is None:
        return ""
    name = f"{version_name(comparison.version)}, the champion"
    if beats_champion(comparison):
        return f", and better than {name}"
    if refreshes_champion(comparison):
        return f", and no worse than {name}, which is out of date"
    worse = comparison.improvement.high < 0
    return f", but {'worse than' if worse else 'not shown to be better than'} {name}"


def describe_picks(picks: Picks) -> str:
    """Return a sentence on how well the scores pick the best of several, and against what.

    >>> from core.domain.training_report import NaivePick
    >>> naive = {"best_category": NaivePick(0.6, 0.4, 0.2, "model")}
    >>> same, more = Estimate(0.3, 0.1, 0.5), Estimate(0.1, -0.1, 0.3)
    >>> describe_picks(Picks(40, 99, same, same, same, same, more, naive))[:60]
    "Picks not shown to be better than always the best 'model': o"
    """
    gap, advantage = picks.gap_recovered, picks.advantage
    groups = text.count(picks.n_groups, "holdout group")
    if gap is None or advantage is None:
        why = "two groups are needed" if picks.n_groups < 2 else "all candidates are equally good"
        return f"How well the score picks is not known on {groups}: {why}."
    name = best_picker(picks.naive)
    naive = picks.naive[name]
    verdict = (
        "Picks better than"
        if advantage.low > 0
        else "Picks worse than"
        if advantage.high < 0
        else "Picks not shown to be better than"
    )
    return (
        f"{verdict} {name_picker(name, naive.of)}: of what the best of each of "
        f"{picks.n_groups:,} groups is better than a random one, the score's pick recovers "
        f"{text.percent_interval(gap)} and the other {text.percent(naive.gap_recovered or 0.0)}; "
        f"difference {text.percent_interval(advantage)}, 95 % confidence intervals by groups."
    )
