"""The last resort: a score from the base metrics or from recent labels, never posing as a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.deployment import Deployment
from core.domain.feature import WEIGHTS, spell
from core.domain.sample import Features
from core.settings import Scale

_LOWEST, _HIGHEST = 0.0, 100.0


@dataclass(frozen=True, slots=True)
class Guess:
    """A score on the scale of the settings with how it came about; None where nothing allows
    one, with what would."""

    score: float | None
    how: str


def choose_guess(features: Features, recent: Sequence[float], scale: Scale) -> Guess:
    """The weighted mean of the base metrics in `features`; without any, the mean of `recent`,
    which holds what the newest labels said; without those, none.

    >>> choose_guess({"codeQuality": 80.0, "security": None}, [], Scale(0.0, 1.0))
    Guess(score=0.8, how='weighted mean of codeQuality')
    >>> choose_guess({"wind": 3.0}, [60.0, 70.0], Scale(0.0, 100.0))
    Guess(score=65.0, how='mean of the newest 2 labels')
    >>> choose_guess({"wind": 3.0}, [], Scale(0.0, 100.0)).score is None
    True
    """
    metrics = choose_metrics(features)
    if metrics:
        share = weigh_metrics(metrics) / _HIGHEST
        score = scale.low + share * (scale.high - scale.low)
        return Guess(score, "weighted mean of " + ", ".join(metrics))
    if recent:
        mean = math.fsum(recent) / len(recent)
        noun = "label" if len(recent) == 1 else f"{len(recent)} labels"
        return Guess(min(max(mean, scale.low), scale.high), f"mean of the newest {noun}")
    return Guess(
        None,
        "there is nothing to guess from either: no base metric ("
        + ", ".join(WEIGHTS)
        + ") in the request and no label yet",
    )


def explain_heuristic(current: Deployment) -> str:
    """Why no model answers where somebody chose so."""
    reason = current.reason.rstrip(".")
    return f"{current.by} deployed the heuristic in place of a model ({reason})"


def choose_metrics(features: Features) -> dict[str, float]:
    """The base metrics among the features by their camelCase names, in the order of `WEIGHTS`.
    Their snake_case forms count too. What is missing, no number or outside 0..100 is left out:
    it is in another unit, and no guess at which.

    >>> choose_metrics({"test_coverage": 60.0, "codeQuality": "good", "security": 240.0})
    {'testCoverage': 60.0}
    """
    found = {}
    for name in WEIGHTS:
        spelled = (features.get(spelling) for spelling in spell(name))
        value = next((value for value in spelled if value is not None), None)
        if isinstance(value, int | float) and _LOWEST <= value <= _HIGHEST:
            found[name] = float(value)
    return found


def weigh_metrics(metrics: dict[str, float]) -> float:
    """The mean of some base metrics by `WEIGHTS`, 0..100; the weights of the rest are shared out.

    >>> weigh_metrics({"codeQuality": 80.0, "testCoverage": 60.0, "complexity": 100.0})
    64.0
    """
    total = math.fsum(WEIGHTS[name] for name in metrics)
    weighted = math.fsum(
        WEIGHTS[name] * (_HIGHEST - value if name == "complexity" else value)
        for name, value in metrics.items()
    )
    return weighted / total
