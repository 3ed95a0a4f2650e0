"""The constant that is within tolerance most often: the centre of the densest window."""

import numpy as np
from numpy.typing import NDArray


def densest_centre(values: NDArray[np.float64], tolerance: float) -> float:
    """The centre of a window of width 2 * tolerance that holds as many of the values as any does;
    of several such windows the middle one.

    An optimal window can always be moved until it begins at a value, so that trying each value as
    its beginning is exact. Raises `ValueError` without values.

    >>> densest_centre(np.array([0.0, 70.0, 76.0, 78.0, 100.0]), 5.0)
    74.0
    """
    if not len(values):
        raise ValueError("There are no values to find the densest window of.")
    ordered = np.sort(values)
    ends = np.searchsorted(ordered, ordered + 2 * tolerance, side="right")
    counts = ends - np.arange(len(ordered))
    best = np.flatnonzero(counts == counts.max())
    first = int(best[len(best) // 2])
    return float((ordered[first] + ordered[ends[first] - 1]) / 2)
