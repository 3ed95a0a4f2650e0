"""Intervals for a single score: how far the truth may lie from it."""

import math

import numpy as np
from numpy.typing import NDArray


def half_width(residuals: NDArray[np.float64], coverage: float = 0.9) -> float | None:
    """The half-width of the split conformal interval (Vovk et al. 2005; Lei et al. 2018).

    `residuals` are truth minus score on rows that the model has not trained on. Score +- half-width
    holds the truth of at least a share `coverage` of new rows that are exchangeable with these.
    None where there are too few rows to promise that (fewer than 9 for 90 %).

    >>> half_width(np.array([1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0, 9.0]))
    9.0
    >>> half_width(np.array([1.0, -2.0])) is None
    True
    """
    rank = math.ceil((len(residuals) + 1) * coverage)
    if rank > len(residuals):
        return None
    return float(np.sort(np.abs(residuals))[rank - 1])
