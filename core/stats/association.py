"""The association of each column with the target, one column at a time."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def number_p_value(values: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """The p-value of Spearman's rank correlation, or of a U-shaped one where that is smaller (the
    distance of the rank from the middle, Bonferroni for the two looks); nan values are left out.
    1.0 where fewer than 10 rows or no variation are left.

    >>> number_p_value(np.arange(100.0), np.arange(100.0) ** 3) < 1e-9
    True
    """
    known = np.isfinite(values)
    if known.sum() < 10 or np.ptp(values[known]) == 0 or np.ptp(target[known]) == 0:
        return 1.0
    rank = stats.rankdata(values[known])
    outcome = stats.rankdata(target[known])
    looks = [rank, np.abs(rank - np.mean(rank))]
    p_values = [_correlation_p(look, outcome) for look in looks if np.ptp(look) > 0]
    return min(1.0, len(p_values) * min(p_values))


def category_p_value(values: Sequence[object], target: NDArray[np.float64]) -> float:
    """The p-value of the Kruskal-Wallis test between the levels that stand in at least 5 rows; 1.0
    where there are fewer than two of these.

    >>> category_p_value(["a"] * 20 + ["b"] * 20, np.arange(40.0)) < 1e-6
    True
    """
    names, position = np.unique(np.array([str(value) for value in values]), return_inverse=True)
    parts = [target[position == i] for i in range(len(names))]
    parts = [part for part in parts if len(part) >= 5]
    if len(parts) < 2 or np.ptp(np.concatenate(parts)) == 0:
        return 1.0
    return float(stats.kruskal(*parts).pvalue)


def holm(p_values: Mapping[str, float], alpha: float = 0.01) -> tuple[str, ...]:
    """The names whose hypothesis is rejected so that even one false one among them has at most
    probability `alpha` (Holm 1979), smallest p-value first.

    >>> holm({"a": 0.0001, "b": 0.5, "c": 0.004})
    ('a', 'c')
    """
    ordered = sorted(p_values, key=lambda name: p_values[name])
    found = []
    for i, name in enumerate(ordered):
        if p_values[name] > alpha / (len(ordered) - i):
            break
        found.append(name)
    return tuple(found)


def _correlation_p(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    r = float(np.corrcoef(a, b)[0, 1])
    freedom = len(a) - 2
    t = abs(r) * (freedom / max(1e-300, 1 - r**2)) ** 0.5
    return float(2 * stats.t.sf(t, freedom))
