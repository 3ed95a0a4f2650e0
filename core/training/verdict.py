"""The verdict on a training in one sentence, for a page's first line."""

from core.domain.version import version_name
from core.training.gate import (
    Evidence,
    beats_champion,
    best_guess,
    has_skill,
    name_guess,
    show,
    show_both,
    show_limits,
)


def summarize_training(evidence: Evidence) -> str:
    """One sentence: against what the model is better or not, by how much, on how many rows."""
    mae, skill = evidence.metrics.mae, evidence.metrics.skill
    name = best_guess(evidence.naive)
    guess = name_guess(name, evidence.naive[name].of)
    ours, theirs = show_both(mae.value, evidence.naive[name].mae)
    against = f"MAE {ours} against {theirs}"
    if skill is None:
        sentence = f"No better than {guess}, which makes no error on the holdout."
    elif not has_skill(evidence.metrics):
        sentence = _no_skill(evidence, guess, against)
    else:
        sentence = (
            f"Better than {guess}: {against} points on {evidence.n_holdout:,} held-out rows, skill "
            f"{show(skill.value)} ({show_limits(skill)}){_beside_champion(evidence)}."
        )
    if evidence.leaks:
        sentence = f"Too good to be true, because it reads what gives the target away: {sentence}"
    return ("Demo data: " if evidence.synthetic else "") + sentence


def _no_skill(evidence: Evidence, guess: str, against: str) -> str:
    n = len(evidence.columns)
    if not evidence.related:
        columns = (
            "the only column says nothing" if n == 1 else f"none of the {n} columns says anything"
        )
        return f"No better than {guess} ({against}): {columns} about the target."
    skill = evidence.metrics.skill
    limits = "" if skill is None else f", skill {show(skill.value)}, {show_limits(skill)}"
    return (
        f"Not shown to be better than {guess} ({against}{limits}): the columns say too little "
        f"about the target for {evidence.n_holdout:,} held-out rows to show it."
    )


def _beside_champion(evidence: Evidence) -> str:
    comparison = evidence.comparison
    if comparison is None or comparison.improvement is None:
        return ""
    name = f"{version_name(comparison.version)}, the champion"
    if beats_champion(comparison):
        return f", and better than {name}"
    return f", but not shown to be better than {name}"
