"""The rows nearest to one row as a model sees them; pure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.domain.sample import Features
from core.errors import Refused
from core.training.explain.pipeline_inspection import find_encoder

if TYPE_CHECKING:
    import pandas as pd

_PIECE = 5_000
_APART = 1.0  # standard deviations: where one has a value and the other has none

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Near:
    """A row by its place among those that were given, and how far it is: the root of the mean
    square over the encoder's columns, in standard deviations of each; 0 is the same row."""

    place: int
    distance: float


def find_nearest(pipeline: Any, rows: "pd.DataFrame", asked: Features, n: int) -> list[Near]:
    """The `n` rows nearest to the one asked, nearest first, as the pipeline's encoder turns them
    into columns. Holds one piece of 5,000 encoded rows at a time. Raises `Refused` where the
    pipeline has no encoder."""
    import pandas as pd  # not at the top: only who asks for neighbours pays for it

    place = find_encoder(pipeline)
    if place is None:
        raise Refused("This version's recipe has no encoder, so that rows have no distance in it.")
    encode = pipeline[: place + 1].transform
    point = _dense(encode(pd.DataFrame([asked]).reindex(columns=rows.columns)))[0]
    spread = _measure_spread(_dense(encode(rows.iloc[_spread_out(len(rows))])))
    distances = [
        measure_distances(_dense(encode(rows.iloc[start : start + _PIECE])), point, spread)
        for start in range(0, len(rows), _PIECE)
    ]
    return choose_nearest(np.concatenate(distances), n)


def measure_distances(matrix: _Floats, point: _Floats, spread: _Floats) -> _Floats:
    """Return the distance of each row of a matrix from a point, columns weighted by their spread; a
    value that only one of them has counts as one standard deviation, one that neither has as
    nothing.

    >>> rows = np.array([[1.0, 10.0], [3.0, np.nan]])
    >>> measure_distances(rows, np.array([1.0, 10.0]), np.array([2.0, 5.0])).tolist()
    [0.0, 1.0]
    """
    apart = (matrix - point) / spread
    one_missing = np.isnan(matrix) != np.isnan(point)
    apart = np.where(one_missing, _APART, np.nan_to_num(apart))
    distances: _Floats = np.sqrt(np.mean(apart * apart, axis=1))
    return distances


def choose_nearest(distances: _Floats, n: int) -> list[Near]:
    """The places of the smallest distances, in their order; of equal ones the first.

    >>> [near.place for near in choose_nearest(np.array([3.0, 1.0, 2.0]), 2)]
    [1, 2]
    """
    order = np.argsort(distances, kind="stable")[:n]
    return [Near(int(place), float(distances[place])) for place in order]


def _measure_spread(matrix: _Floats) -> _Floats:
    known = np.isfinite(matrix)
    n = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, matrix, 0.0)
    mean = values.sum(axis=0) / n
    spread = np.sqrt(np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / n)
    return np.where(spread > 0, spread, 1.0)


def _spread_out(n_rows: int) -> NDArray[np.int64]:
    """The rows that the spread is measured on: all, or 5,000 at equal distances."""
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, _PIECE)).astype(np.int64))


def _dense(matrix: Any) -> _Floats:
    dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    return np.asarray(dense, dtype=np.float64)
