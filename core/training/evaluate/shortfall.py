"""The reason why a model shows no skill, or its accuracy says nothing, from the figures that prove
it; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core import text
from core.domain.training_report import Metrics, NaiveMetrics
from core.training.models.objective import ABSOLUTE


class ShortfallKind(StrEnum):
    """The reasons, the most certain first."""

    AIM = "aim"  # it says something by squares, and the median is hard to beat by absolute errors
    GUESS = "guess"  # it says something, and the guess does too
    UNRELATED = "unrelated"  # no column says anything by itself
    WEAK = "weak"  # columns say something, and the holdout does not show it


@dataclass(frozen=True, slots=True)
class BesideGuess:
    """The model beside the best naive guess, `name` in the report's words."""

    metrics: Metrics
    name: str
    objective: str
    n_columns: int
    related: int  # columns that say something about the target by themselves
    n_holdout: int
    basis: str  # what the intervals rest on


def is_worse(metrics: Metrics) -> bool:
    """Return whether the model is shown to be worse than the best naive guess.

    >>> from core.domain.training_report import Estimate
    >>> one = Estimate(1.0, 0.5, 1.5)
    >>> is_worse(Metrics(one, one, None, one, Estimate(-0.2, -0.3, -0.1)))
    True
    """
    return metrics.skill is not None and metrics.skill.high < 0


def choose_shortfall(beside: BesideGuess) -> ShortfallKind:
    """Return the reason that the figures prove. Where R² is surely above 0, the columns say
    something: a model whose squared errors are smaller than those of the mean has read it in
    them."""
    r2 = beside.metrics.r2
    if r2 is not None and r2.low > 0:
        aims_elsewhere = beside.objective != ABSOLUTE and beside.name == "median"
        return ShortfallKind.AIM if aims_elsewhere else ShortfallKind.GUESS
    return ShortfallKind.WEAK if beside.related else ShortfallKind.UNRELATED


def describe_shortfall(beside: BesideGuess, guess: str) -> str:
    """Return the reason as a clause; `guess` names the naive guess in words."""
    r2, n = beside.metrics.r2, beside.n_columns
    limits = "" if r2 is None else text.interval_by(beside.basis, r2, 2)
    said = "" if r2 is None else f" (R² {text.number(r2.value, 2)}, {limits})"
    match choose_shortfall(beside):
        case ShortfallKind.AIM:
            return (
                f"the columns say something about the target{said}, but the model does not aim at "
                "the median, which has the smallest MAE of all constants: train it with the "
                "objective absolute"
            )
        case ShortfallKind.GUESS:
            return (
                f"the columns say something about the target{said}, but by its MAE the model is "
                f"not shown to say more than {guess}"
            )
        case ShortfallKind.UNRELATED:
            columns = "the only column says" if n == 1 else f"none of the {n} columns says"
            thing = "nothing" if n == 1 else "anything"
            return f"{columns} {thing} about the target by itself (at the 1 % level)"
    some = "1 column is" if beside.related == 1 else f"{beside.related} columns are"
    return (
        f"{some} related to the target in the training rows, too weakly for "
        f"{beside.n_holdout:,} held-out rows to show it"
    )


_WIDE, _NARROW = 0.9, 0.05
"""The accuracy from which on a constant's, and below which a model's, says nothing."""


def describe_tolerance(
    metrics: Metrics, naive: Mapping[str, NaiveMetrics], tolerance: float
) -> str:
    """Return a sentence on a tolerance (points) by which accuracy says nothing, because a constant
    is within it nearly always, or nothing ever is; empty where it says something."""
    constants = {name: naive[name] for name in ("mean", "median")}
    name, best = max(constants.items(), key=lambda pair: pair[1].accuracy)
    theirs, ours = text.percent(best.accuracy), text.percent(metrics.accuracy.value)
    if best.accuracy >= _WIDE:
        fault = "wide"
    elif metrics.accuracy.high < _NARROW and best.accuracy < _NARROW:
        fault = "narrow"
    else:
        return ""
    half = text.figure(min(guess.mae for guess in constants.values()) / 2)
    return (
        f"the tolerance of ±{tolerance:g} is too {fault} for the accuracy to say anything: always "
        f"guessing the {name} is within it in {theirs} of the rows, the model in {ours}. Set "
        f"PLUMBLINE_TOLERANCE to {half}, say."
    )
