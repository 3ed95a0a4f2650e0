"""Intervals for a single score: how far the truth may lie from it."""

import math

import numpy as np
from numpy.typing import NDArray

MIN_BAND_ROWS = 100
MAX_BANDS = 10


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


def band_widths(
    scores: NDArray[np.float64], residuals: NDArray[np.float64], coverage: float = 0.9
) -> list[tuple[float, float]]:
    """Half-widths that follow the difficulty: one for each band of scores, as (the band's highest
    score, half-width), lowest band first; what lies beyond the last belongs to it.

    Each band is calibrated by its own rows, so that the promise of `half_width` holds within each
    (Mondrian conformal prediction, Vovk et al. 2005, section 4.5), not only on average. Bands hold
    about equally many of the scores, 100 at least and at most ten bands, equal scores together; one
    band where there are fewer than 200 rows, none where there are too few for any promise.

    >>> scores = np.repeat([10.0, 90.0], 100)
    >>> band_widths(scores, np.where(scores < 50, 1.0, 8.0))
    [(10.0, 1.0), (90.0, 8.0)]
    """
    if half_width(residuals, coverage) is None:
        return []
    band = _number_bands(scores)
    found = []
    for i in range(int(band.max()) + 1):
        width = half_width(residuals[band == i], coverage)
        assert width is not None, "each band holds as many rows as a promise needs"
        found.append((float(scores[band == i].max()), width))
    return found


def _number_bands(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The band of each score, from 0 on."""
    n_bands = min(MAX_BANDS, max(1, len(scores) // MIN_BAND_ROWS))
    edges = np.unique(np.quantile(scores, np.arange(1, n_bands) / n_bands, method="inverted_cdf"))
    kept: list[float] = []
    below = 0
    for edge in edges:  # where many scores are equal, a band may come out too small
        n_until = int(np.sum(scores <= edge))
        if min(n_until - below, len(scores) - n_until) >= MIN_BAND_ROWS:
            kept.append(float(edge))
            below = n_until
    return np.searchsorted(np.array(kept), scores, side="left").astype(np.int64)
