"""The earlier labels of a maker or a category, as known at a moment."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from core.domain.sample import Features, read_level

PROVIDER, MODEL = "provider", "model"
"""The features whose values together name the maker of a row."""


@dataclass(frozen=True, slots=True)
class Maker:
    """The maker of a piece of work; generated work has a history of its own."""

    synthetic: bool
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over at least one known row. Qualities are summed as differences from `origin`, one of
    them, so that their spread is not lost in their size."""

    n: int
    origin: float
    total: float  # of the differences
    squares: float  # of the differences
    n_csat: int
    csat_total: float
    seen_at: datetime  # when the newest of them was made


def find_maker(features: Mapping[str, object], *, synthetic: bool) -> Maker | None:
    """Return the maker of a row; None without a provider and a model.

    >>> find_maker({"provider": " openai ", "model": 4}, synthetic=False)
    Maker(synthetic=False, provider='openai', model='4')
    >>> find_maker({"provider": "openai"}, synthetic=False) is None
    True
    """
    provider = read_level(features.get(PROVIDER))
    model = read_level(features.get(MODEL))
    return None if provider is None or model is None else Maker(synthetic, provider, model)


Moment = TypeVar("Moment", int, datetime)


def find_known_at(at: Moment, labelled_at: Moment | None) -> Moment:
    """Return the time at which a row's label was known: never before the work, and that time if no
    other is known. Times, or microseconds.

    >>> find_known_at(7, None), find_known_at(7, 5), find_known_at(7, 9)
    (7, 7, 9)
    """
    return at if labelled_at is None else max(at, labelled_at)


N_RECENT_LABELS = 500
"""The number of newest labels that count as recent."""

MIN_OF_CATEGORY = 10
"""The fewest labels of a category whose mean is used."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of some labels."""

    value: float
    n: int


@dataclass(frozen=True, slots=True)
class RecentLabels:
    """The mean of the newest labels, None without any, and those of the categories with enough
    labels, by column and level."""

    overall: Mean | None = None
    by_category: Mapping[str, Mapping[str, Mean]] = field(default_factory=dict)


def summarize_recent(labelled: Iterable[tuple[float, Features]]) -> RecentLabels:
    """Return the means of labels by the categories (strings) of their features, if these are known.

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
    """Return the column, the level and the mean of the rarest known category of a row.

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
    """Return the column and the level of each string among the features.

    >>> list_categories({"language": "python", "size": 3.0, "kind": ""})
    [('language', 'python')]
    """
    levels = ((name, read_level(value)) for name, value in features.items() if type(value) is str)
    return [(name, level) for name, level in levels if level is not None]


def _mean(values: list[float]) -> Mean:
    return Mean(math.fsum(values) / len(values), len(values))
