"""The heuristic: a score from base metrics or recent labels if no model answers."""

import math
from dataclasses import dataclass

from core.domain.deployment import Deployment
from core.domain.history import Mean, RecentLabels, find_category
from core.domain.sample import WEIGHTS, Features, spell
from core.settings import Scale

_LOWEST, _HIGHEST = 0.0, 100.0


@dataclass(frozen=True, slots=True)
class Guess:
    """A score on the scale of the settings, and how it was made. Without a score, `how` says what
    would allow one."""

    score: float | None
    how: str


def choose_guess(features: Features, recent: RecentLabels, scale: Scale) -> Guess:
    """Return the weighted mean of the base metrics in `features`. Without any, the mean of the
    newest labels of the same category, the rarest that had enough of them; then the mean of all
    newest labels; without labels, no score.

    >>> choose_guess({"codeQuality": 80.0, "security": None}, RecentLabels(), Scale(0.0, 1.0))
    Guess(score=0.8, how='weighted mean of codeQuality')
    >>> from core.domain.history import summarize_recent
    >>> recent = summarize_recent([(60.0, {"language": "go"})] * 10 + [(90.0, {})])
    >>> choose_guess({"language": "go"}, recent, Scale(0.0, 100.0))
    Guess(score=60.0, how='mean of the newest 10 labels with language = go')
    >>> choose_guess({"wind": 3.0}, recent, Scale(0.0, 100.0)).how
    'mean of the newest 11 labels'
    """
    metrics = choose_metrics(features)
    if metrics:
        share = weigh_metrics(metrics) / _HIGHEST
        score = scale.low + share * (scale.high - scale.low)
        return Guess(score, "weighted mean of " + ", ".join(metrics))
    category = find_category(recent, features)
    if category is not None:
        name, level, mean = category
        return _guess_mean(mean, scale, f" with {name} = {level}")
    if recent.overall is not None:
        return _guess_mean(recent.overall, scale, "")
    return Guess(
        None,
        "there is nothing to guess from either: no base metric ("
        + ", ".join(WEIGHTS)
        + ") in the request and no label yet",
    )


def explain_heuristic(current: Deployment) -> str:
    """Return a sentence with the person who chose that no model answers, and their reason."""
    reason = current.reason.rstrip(".")
    return f"{current.by} deployed the heuristic in place of a model ({reason})"


def choose_metrics(features: Features) -> dict[str, float]:
    """Return the base metrics among the features by camelCase name, in the order of `WEIGHTS`.
    Their snake_case forms count too. A value that is no number or outside 0..100 is left out, since
    its unit is not known.

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
    """Return the mean of base metrics by `WEIGHTS`, 0..100; the weights of missing metrics are
    shared among the others.

    >>> weigh_metrics({"codeQuality": 80.0, "testCoverage": 60.0, "complexity": 100.0})
    64.0
    """
    total = math.fsum(WEIGHTS[name] for name in metrics)
    weighted = math.fsum(
        WEIGHTS[name] * (_HIGHEST - value if name == "complexity" else value)
        for name, value in metrics.items()
    )
    return weighted / total


def _guess_mean(mean: Mean, scale: Scale, of_what: str) -> Guess:
    noun = "label" if mean.n == 1 else f"{mean.n} labels"
    score = min(max(mean.value, scale.low), scale.high)
    return Guess(score, f"mean of the newest {noun}{of_what}")
