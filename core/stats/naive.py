"""Guesses that look at no feature: what a model has to beat before it is worth anything."""

import numpy as np
from numpy.typing import NDArray

RECENT_SECONDS = 28 * 86_400.0
MIN_RECENT = 30


def naive_guesses(
    target: NDArray[np.float64], at_seconds: NDArray[np.float64] | None
) -> dict[str, float]:
    """The mean and the median of the training rows' target and, where rows have times (seconds
    since any fixed moment, not all of them nan), the mean of the last 28 days, or of the newest 30
    rows where those days hold fewer.

    >>> naive_guesses(np.array([1.0, 2.0, 9.0]), None)
    {'mean': 4.0, 'median': 2.0}
    >>> days = np.arange(100) * 86_400.0
    >>> naive_guesses(np.arange(100.0), days)["recent_mean"]
    84.5
    """
    guesses = {"mean": float(np.mean(target)), "median": float(np.median(target))}
    if at_seconds is not None and np.isfinite(at_seconds).any():
        guesses["recent_mean"] = float(np.mean(target[_recent(at_seconds)]))
    return guesses


def _recent(at_seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    timed = np.flatnonzero(np.isfinite(at_seconds))
    newest_first = timed[np.argsort(-at_seconds[timed], kind="stable")]
    n_in_window = int(np.sum(at_seconds[timed] > at_seconds[timed].max() - RECENT_SECONDS))
    return newest_first[: max(n_in_window, MIN_RECENT)]
