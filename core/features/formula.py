"""A formula: one column that is made of others, the same arithmetic for one row and for many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain.value import NAN

Number = TypeVar("Number", float, NDArray[np.float64])
"""The value of one row, or those of all; nan is missing."""


@dataclass(frozen=True, slots=True)
class Formula:
    """`compute` takes the inputs in their order: a float each, or an array each of shape
    (n_rows,); it returns the same. Where an input is missing, so is what it returns."""

    column: str
    feature: str  # its name among the nineteen; hour and weekday are two columns each
    inputs: tuple[str, ...]  # base features, or keys that a raw row carries
    compute: Callable[..., "float | NDArray[np.float64]"]


def divide(above: Number, below: Number) -> Number:
    """The ratio; missing where one of them is, and where the lower is zero.

    >>> divide(6.0, 3.0), divide(6.0, 0.0)
    (2.0, nan)
    >>> divide(np.array([6.0, 6.0, np.nan]), np.array([3.0, 0.0, 1.0]))
    array([ 2., nan, nan])
    """
    if isinstance(below, float):
        return above / below if below else NAN
    ratio = np.full(len(below), NAN)
    with np.errstate(over="ignore"):
        np.divide(above, below, out=ratio, where=below != 0.0)
    return ratio


def pick(table: Sequence[float], place: Number) -> Number:
    """The entry of a table at each place; missing where the place is.

    >>> pick((0.5, 0.7), 1.0), pick((0.5, 0.7), NAN)
    (0.7, nan)
    >>> pick((0.5, 0.7), np.array([1.0, np.nan]))
    array([0.7, nan])
    """
    if isinstance(place, float):
        return table[int(place)] if place == place else NAN
    known = ~np.isnan(place)
    entries = np.full(len(place), NAN)
    entries[known] = np.asarray(table)[place[known].astype(np.int64)]
    return entries
