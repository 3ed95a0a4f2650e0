"""Intervals for a single score, and how much wider or narrower later errors make them; pure."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.stats.intervals import wilson

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


GAMMA = 0.01
"""The step of the level after one label (Gibbs and Candes 2021)."""

N_WATCHED = 300
"""Newest labels whose coverage says whether the widths still hold."""

MIN_LABELS = 100
"""Labels below which nothing is said."""

_N_CALIBRATION = 200  # newest labels whose errors the next width is taken from
_CONFIDENCE = 0.999
_ROUND_TO = 0.05  # a width that moves with every label would say more than is known


@dataclass(frozen=True, slots=True)
class Adapted:
    """`factor` times the original width holds what was promised; `n_inside` of the newest `n`
    labels lay within the original one. The factor is 1 while these agree with the promise."""

    factor: float
    n: int
    n_inside: int


def adapt_widths(ratios: NDArray[np.float64], promised: float = 0.9) -> list[Adapted]:
    """Return what is to be done before the first label, and after each of them, oldest first.

    `ratios` are absolute errors in multiples of the original half-width. The level alpha follows
    the misses: alpha += 0.01 (1 - promised - miss) after each label (adaptive conformal inference:
    Gibbs and Candes, NeurIPS 2021), and the factor is the conformal quantile at 1 - alpha of the
    newest 200 ratios. However the errors move, the long-run coverage is what was promised. It is
    in force only while the original widths hold significantly more or less than that: 99.9 % limits
    (Wilson) of the newest 300 labels, and not below 100.

    >>> held = np.tile([0.5, 0.6, 0.7, 0.8, 0.9, 0.3, 0.2, 0.4, 0.1, 1.1], 30)
    >>> adapt_widths(held)[-1]
    Adapted(factor=1.0, n=300, n_inside=270)
    >>> 1.9 < adapt_widths(np.concatenate([held, 2 * held]))[-1].factor < 2.3
    True
    """
    alpha = 1 - promised
    newest: deque[float] = deque(maxlen=_N_CALIBRATION)
    watched: deque[bool] = deque(maxlen=N_WATCHED)
    found = [Adapted(1.0, 0, 0)]
    following = 1.0  # the factor of the level, whether it is in force or not
    for ratio in ratios.tolist():
        alpha += GAMMA * (1 - promised - (ratio > following))
        newest.append(ratio)
        watched.append(ratio <= 1.0)
        n, n_inside = len(watched), sum(watched)
        if n >= MIN_LABELS:
            following = _find_factor(np.array(newest), 1 - alpha)
        holds = n < MIN_LABELS or _agrees(n_inside, n, promised)
        found.append(Adapted(1.0 if holds else _round(following), n, n_inside))
    return found


def _find_factor(ratios: NDArray[np.float64], coverage: float) -> float:
    """The largest known ratio where even more is asked for."""
    width = half_width(ratios, max(coverage, GAMMA))
    return float(ratios.max()) if width is None else width


def _agrees(n_inside: int, n: int, promised: float) -> bool:
    limits = wilson(n_inside, n, _CONFIDENCE)
    return limits.low <= promised <= limits.high


def _round(factor: float) -> float:
    return round(max(1, round(factor / _ROUND_TO)) * _ROUND_TO, 2)
