"""Sequential figures of a whole sequence at once: what running sums have to agree with."""

import math

import numpy as np
from numpy.typing import NDArray

from core.stats.sequential import BURN_IN, Crossing, Path, find_log_evidence, follow_sums


def follow_mean(
    differences: NDArray[np.float64],
    *,
    t_star: float,
    alpha: float = 0.05,
    burn_in: int = BURN_IN,
) -> Path:
    """The confidence sequence of the mean of `differences`, in the order in which they came; along
    the last axis, so that many sequences may be followed at once.

    >>> d = np.array([1.0, 3.0] * 100)
    >>> path = follow_mean(d, t_star=100)
    >>> float(path.value[-1]), bool(path.low[-1] > 0), float(path.low[48])
    (2.0, True, -inf)
    """
    n = np.arange(1, differences.shape[-1] + 1, dtype=np.float64)
    # Shifted by the first value, since the sum of squares loses all digits far from zero.
    shift = differences[..., :1] if differences.shape[-1] else 0.0
    shifted = differences - shift
    totals, squares = np.cumsum(shifted, axis=-1), np.cumsum(shifted**2, axis=-1)
    return follow_sums(n, shift, totals, squares, t_star=t_star, alpha=alpha, burn_in=burn_in)


def find_share_crossing(outcomes: NDArray[np.float64], alpha: float = 0.05) -> Crossing | None:
    """The first time that wins (above 0) and losses (below 0) could not be equally likely; ties are
    seen and count for neither.

    >>> find_share_crossing(np.ones(20))
    Crossing(n=8, verdict='better')
    >>> find_share_crossing(np.zeros(20)) is None
    True
    """
    wins = np.cumsum(outcomes > 0).astype(np.float64)
    losses = np.cumsum(outcomes < 0).astype(np.float64)
    decided = find_log_evidence(wins, losses) >= -math.log(alpha)
    if not decided.any():
        return None
    first = int(np.argmax(decided))
    return Crossing(first + 1, "better" if wins[first] > losses[first] else "worse")


def find_echo(values: NDArray[np.float64]) -> float:
    """The correlation of each value with the one before it: near 0 where the order says nothing. 0
    for fewer than three values, or equal ones.

    >>> round(find_echo(np.array([1.0] * 50 + [-1.0] * 50)), 2)
    0.97
    >>> find_echo(np.ones(50))
    0.0
    """
    centred = values - values.mean() if len(values) else values
    total = float(centred @ centred)
    if len(values) < 3 or total <= 1e-12 * max(1.0, float(values @ values)):
        return 0.0
    return float(centred[1:] @ centred[:-1]) / total
