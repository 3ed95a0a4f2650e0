"""The checks of the error: its promise, its thresholds, who carries it, and skill; pure."""

from dataclasses import replace

from core import text
from core.domain.monitoring import Health, Reason
from core.domain.version import version_name
from core.monitoring.health.degradation import NEXT_STEP, check_promise
from core.monitoring.health.inputs import HealthInputs, describe_limits, judge_level
from core.settings import Thresholds
from core.stats.intervals import mean_of_rows, wilson

ASK_CALLERS = (
    "Ask who sends this what changed there; roll back where it began with a release, and train on "
    "newer rows only where the change is to stay."
)
"""What to do about an error where a part of the traffic or an input is named."""


def check_errors(facts: HealthInputs, thresholds: Thresholds) -> list[Reason]:
    """Against the version's own promise where it made one; the thresholds of the accuracy stand
    beside it, and say nothing of a version that was below them when it was released."""
    level = _check_accuracy(facts, thresholds)
    delivered = facts.delivered
    if delivered is None:
        return [level]
    kept = check_promise(
        delivered, thresholds.error_growth_warning, thresholds.error_growth_critical
    )
    if delivered.successor is not None:
        return [level, kept]  # of the version that serves nothing is known yet
    if level.health is Health.UNKNOWN:
        return [kept]
    released = delivered.promised.accuracy
    if level.health is not Health.HEALTHY and released.low < thresholds.accuracy_warning:
        message = (
            f"{level.message.partition('); ')[0]}); at its release it was "
            f"{text.percent(released.value)} on the held-out rows, so that the threshold of "
            f"{text.chosen_percent(thresholds.accuracy_warning)} says nothing of a change."
        )
        level = Reason("accuracy", Health.HEALTHY, message, "")
    return [kept, level]


def add_culprit(check: Reason, facts: HealthInputs) -> Reason:
    """A check of the error that is not well names who carries it and what has drifted, and sends
    the reader there first: training learns a mistake of the callers, and no rollback mends it."""
    if check.health not in (Health.WARNING, Health.CRITICAL):
        return check
    said = []
    if facts.culprit is not None:
        said.append(f"Where: {facts.culprit}.")
    if facts.drift is not None and facts.drift.drifted:
        said.append(f"Drifted: {', '.join(facts.drift.drifted[:3])}.")
    next_step = ASK_CALLERS if said else check.next_step
    return replace(check, message=" ".join([check.message, *said]), next_step=next_step)


def check_skill(facts: HealthInputs) -> list[Reason]:
    """Return a warning if the model's error on these labels is larger than that of one number for
    everything, and rows that do not depend on each other would not say so by chance; nothing
    otherwise."""
    labelled = facts.labelled
    if labelled is None:
        return []
    figures = labelled.figures
    skill, mae, rmse, naive = figures.skill, figures.mae, figures.rmse, figures.naive
    if skill is None or mae is None or rmse is None or naive is None:
        return []
    n = figures.n_labelled
    rows = mean_of_rows(n, n * mae.value, n * rmse.value**2)
    if rows.find_limits().low <= naive.mae:
        return []
    assert facts.champion is not None
    message = (
        f"{version_name(facts.champion)} is worse than always answering "
        f"{naive.guess:g}: its skill is {text.percent(skill.value)} "
        f"({text.interval_by('days', skill, 1, 100, ' %')}; {n:,} labels over "
        f"{text.duration(labelled.window)})."
    )
    return [Reason("skill", Health.WARNING, message, NEXT_STEP)]


def _check_accuracy(facts: HealthInputs, thresholds: Thresholds) -> Reason:
    """Judge the accuracy of these labels. What their rows alone could say by chance (Wilson) is not
    confirmed; the interval by days, which tells what other days may bring, is only shown."""
    assert facts.champion is not None
    labelled = facts.labelled
    name = version_name(facts.champion)
    accuracy = None if labelled is None else labelled.figures.accuracy
    if labelled is None or accuracy is None:
        n = 0 if labelled is None else labelled.figures.n_labelled
        over = "" if labelled is None else f" over {text.duration(labelled.window)}"
        return Reason(
            "accuracy",
            Health.UNKNOWN,
            f"The accuracy of {name} is unknown: {n} of its predictions have a label{over}, "
            f"{thresholds.min_labels} are needed.",
            "Send what turned out to be true to POST /v1/feedback.",
        )
    n = labelled.figures.n_labelled
    held = not facts.bad_before.isdisjoint({"accuracy", "error_growth"})
    health, confirmed = judge_level(
        wilson(round(accuracy.value * n), n),
        thresholds.accuracy_warning,
        thresholds.accuracy_critical,
        low_is_bad=True,
        held=held,
    )
    message = (
        f"{text.percent(accuracy.value)} of the scores of {name} were within "
        f"±{facts.tolerance:g} ({text.interval_by('days', accuracy, 1, 100, ' %')}; "
        f"{n:,} labels over {text.duration(labelled.window)}); "
        + describe_limits(
            health,
            text.chosen_percent(thresholds.accuracy_warning),
            text.chosen_percent(thresholds.accuracy_critical),
            "below",
            confirmed=confirmed,
            beyond_it=accuracy.value < thresholds.accuracy_warning,
        )
    )
    next_step = "" if health is Health.HEALTHY else NEXT_STEP
    return Reason("accuracy", health, message, next_step, confirmed)
