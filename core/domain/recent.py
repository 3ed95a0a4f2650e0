"""Recent labels: what the newest said on the mean, of all and by category."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.domain.sample import Features
from core.domain.value import read_level

N_RECENT_LABELS = 500
"""Labels that are recent."""

MIN_OF_CATEGORY = 10
"""Labels of a category below which its mean is not used."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of some labels."""

    value: float
    n: int


@dataclass(frozen=True, slots=True)
class RecentLabels:
    """The mean of the newest labels, None without any, and those of the categories that had
    enough, by column and level."""

    overall: Mean | None = None
    by_category: Mapping[str, Mapping[str, Mean]] = field(default_factory=dict)


def summarize_recent(labelled: Iterable[tuple[float, Features]]) -> RecentLabels:
    """The means of labels with what was asked, where that is known. A category is a string in the
    features.

    >>> rows = [(60.0, {"language": "go"})] * 10 + [(90.0, {"language": "c"}), (72.0, {})]
    >>> found = summarize_recent(rows)
    >>> found.overall, found.by_category
    (Mean(value=63.5, n=12), {'language': {'go': Mean(value=60.0, n=10)}})
    """
    actuals: list[float] = []
    groups: dict[tuple[str, str], list[float]] = {}
    for actual, features in labelled:
        actuals.append(actual)
        for key in list_categories(features):
            groups.setdefault(key, []).append(actual)
    by_category: dict[str, dict[str, Mean]] = {}
    for (name, level), values in groups.items():
        if len(values) >= MIN_OF_CATEGORY:
            by_category.setdefault(name, {})[level] = _mean(values)
    return RecentLabels(_mean(actuals) if actuals else None, by_category)


def find_category(recent: RecentLabels, features: Features) -> tuple[str, str, Mean] | None:
    """The column, the level and the mean of the rarest of the row's categories that is known.

    >>> recent = summarize_recent([(60.0, {"language": "go"})] * 10)
    >>> find_category(recent, {"language": " go "})
    ('language', 'go', Mean(value=60.0, n=10))
    """
    found = [
        (name, level, mean)
        for name, level in list_categories(features)
        if (mean := recent.by_category.get(name, {}).get(level)) is not None
    ]
    return min(found, key=lambda one: (one[2].n, one[0]), default=None)


def list_categories(features: Features) -> list[tuple[str, str]]:
    """The column and the level of each string among the features.

    >>> list_categories({"language": "python", "size": 3.0, "kind": ""})
    [('language', 'python')]
    """
    levels = ((name, read_level(value)) for name, value in features.items() if type(value) is str)
    return [(name, level) for name, level in levels if level is not None]


def _mean(values: list[float]) -> Mean:
    return Mean(math.fsum(values) / len(values), len(values))
