"""History: what was known of a provider and a model at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from core.domain.value import read_level

PROVIDER, MODEL = "provider", "model"
"""The features whose values together name whose history a row has."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made a piece of work. Generated work has a history of its own."""

    synthetic: bool
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the rows that were known, of which there is at least one. Qualities are summed
    as their differences from `origin`, one of them, so that their spread is not lost in their
    size."""

    n: int
    origin: float
    total: float  # of the differences
    squares: float  # of the differences
    n_csat: int
    csat_total: float
    seen_at: datetime  # when the newest of them was made


def find_maker(features: Mapping[str, object], *, synthetic: bool) -> Maker | None:
    """Who made a row's work; None where it does not say provider and model.

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
    """When a row's label was known: never before its work was made; where nobody says when, at
    that moment. Times, or microseconds.

    >>> find_known_at(7, None), find_known_at(7, 5), find_known_at(7, 9)
    (7, 7, 9)
    """
    return at if labelled_at is None else max(at, labelled_at)
