"""Sequential comparison of two models on the same rows, valid at every look, and the test of a
trial's shares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

BURN_IN = 50
"""Differences before which the asymptotic interval is not trusted, and so not given."""

_MOST_NEEDED = 10**9


@dataclass(frozen=True, slots=True)
class Path:
    """A confidence sequence: after each of the differences 1..n, their mean and its limits. Before
    the burn-in the limits are infinite: nothing is known yet."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Crossing:
    """The first decision of a confidence sequence, after `n` differences."""

    n: int
    verdict: str  # "better", "worse" or "equivalent"


def choose_rho2(t_star: float, alpha: float = 0.05) -> float:
    """The tuning parameter that makes the interval tightest after about `t_star` differences
    (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476, equation 10). To be fixed
    before the first look.

    >>> round(choose_rho2(2_000), 5)
    0.00397
    """
    if not 0 < alpha < 1 or not t_star > 0:
        raise ValueError(f"no tuning for alpha {alpha} and t_star {t_star}")
    return (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / t_star


def find_radius(
    n: NDArray[np.float64], deviation: NDArray[np.float64], rho2: float, alpha: float = 0.05
) -> NDArray[np.float64]:
    """Half the width of the asymptotic confidence sequence for a mean after `n` differences of this
    standard deviation; arrays of one shape. The interval holds for all n at once (same paper,
    theorem 2.2), so that looking often costs nothing.

    >>> radius = find_radius(np.array([2_000.0]), np.array([1.0]), choose_rho2(2_000))
    >>> round(float(radius[0]), 4)
    0.0679
    """
    scaled = n * rho2 + 1
    radius: NDArray[np.float64] = deviation * np.sqrt(
        2 * scaled / (n**2 * rho2) * np.log(np.sqrt(scaled) / alpha)
    )
    return radius


def follow_sums(
    n: NDArray[np.float64],
    shift: NDArray[np.float64] | float,
    totals: NDArray[np.float64],
    squares: NDArray[np.float64],
    *,
    t_star: float,
    alpha: float = 0.05,
    burn_in: int = BURN_IN,
) -> Path:
    """The confidence sequence after each `n` differences, from the running sums of the differences
    less `shift` and of their squares, so that it may go on where it was left.

    >>> n = np.array([199.0, 200.0])
    >>> follow_sums(n, 1.0, np.array([198.0, 200.0]), np.array([396.0, 400.0]), t_star=100).value
    array([1.99497487, 2.        ])
    """
    mean = totals / n
    variance = np.maximum(squares / n - mean**2, 0.0)
    variance *= n / np.maximum(n - 1, 1)
    radius = find_radius(n, np.sqrt(variance), choose_rho2(t_star, alpha), alpha)
    radius[..., n < burn_in] = np.inf
    value = mean + shift
    return Path(value, value - radius, value + radius)


def find_crossing(path: Path, margin: float) -> Crossing | None:
    """The first time that one sequence was decided, or None: the whole interval above 0 is
    "better", below 0 "worse", inside -margin..margin "equivalent". What comes later does not
    change it.

    >>> n = np.arange(1.0, 101.0)
    >>> path = follow_sums(n, 2.0, 0.0 * n, n, t_star=100)  # mean 2, variance 1
    >>> find_crossing(path, margin=0.3)
    Crossing(n=50, verdict='better')
    >>> find_crossing(Path(-path.value, -path.high, -path.low), margin=0.3).verdict
    'worse'
    >>> find_crossing(Path(path.value[:20], path.low[:20], path.high[:20]), margin=0.3) is None
    True
    """
    decided = (path.low > 0) | (path.high < 0) | ((path.low > -margin) & (path.high < margin))
    if not decided.any():
        return None
    first = int(np.argmax(decided))
    if path.low[first] > 0:
        return Crossing(first + 1, "better")
    return Crossing(first + 1, "worse" if path.high[first] < 0 else "equivalent")


def count_needed(
    n: int,
    value: float,
    deviation: float,
    margin: float,
    *,
    t_star: float,
    alpha: float = 0.05,
    burn_in: int = BURN_IN,
) -> int | None:
    """Return how many more differences decide it if their mean and standard deviation stay as they
    are after `n`; None where more than a thousand million would not.

    >>> count_needed(500, 0.5, 8.0, 0.3, t_star=2_000)
    1861
    >>> count_needed(500, 0.0, 8.0, 0.3, t_star=2_000)
    6381
    >>> count_needed(10, 5.0, 1.0, 0.3, t_star=2_000)
    40
    """
    reach = max(abs(value), margin - abs(value))  # the radius has to fall below one of the two
    rho2 = choose_rho2(t_star, alpha)

    def decides(total: int) -> bool:
        radius = find_radius(np.array([float(total)]), np.array([deviation]), rho2, alpha)
        return bool(radius[0] < reach)

    low, high = n, max(n, burn_in)
    if not decides(high):
        while not decides(high):
            low, high = high, high * 2
            if high > _MOST_NEEDED:
                return None
        while high - low > 1:  # the radius falls in n
            middle = (low + high) // 2
            low, high = (low, middle) if decides(middle) else (middle, high)
    return high - n


def find_log_evidence(
    n_wins: NDArray[np.float64], n_losses: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The logarithm of the e-value against "wins and losses are equally likely", with a uniform
    mixture over the share of wins: Beta(1 + w, 1 + l) / Beta(1, 1) * 2^(w + l). It may be looked at
    after every row: with equal chances it reaches log(1 / alpha) at any time with a probability of
    at most alpha (Ville).

    >>> find_log_evidence(np.array([0.0, 15.0]), np.array([0.0, 2.0])).round(2).tolist()
    [0.0, 3.98]
    """
    evidence: NDArray[np.float64] = special.betaln(1 + n_wins, 1 + n_losses) + (
        n_wins + n_losses
    ) * math.log(2)
    return evidence


CONCENTRATION = 300.0
"""The expected closeness of a wrong split to the plan, found by simulation (see the tests)."""


def find_log_mismatch(
    counts: NDArray[np.float64],
    planned: Sequence[float],
    concentration: float = CONCENTRATION,
) -> NDArray[np.float64]:
    """The logarithm of the Bayes factor for "the shares are not the planned ones". `counts` holds
    how many went to each arm so far along its last axis; a row a look, where there are several.

    The sequential multinomial test of Lindon and Malek (arXiv 2011.03567) with a Dirichlet prior
    centred on the plan: with the planned shares it reaches log(1 / alpha) at any look with a
    probability of at most alpha. Evidence of stretches with different plans adds up.

    Raises `ValueError` unless the planned shares are above 0 and add up to 1.

    >>> looks = np.array([[0.0, 0.0], [900.0, 100.0], [7_000.0, 1_000.0]])
    >>> find_log_mismatch(looks, [0.9, 0.1]).round(1).tolist()
    [0.0, -0.7, 23.3]
    """
    shares = np.asarray(planned, dtype=np.float64)
    if (shares <= 0).any() or abs(shares.sum() - 1) > 1e-9:
        raise ValueError(f"{planned} are no shares of a split")
    prior = concentration * shares
    factor: NDArray[np.float64] = (
        _log_beta(prior + counts) - _log_beta(prior) - (counts * np.log(shares)).sum(axis=-1)
    )
    return factor


def _log_beta(alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = special.gammaln(alpha).sum(axis=-1) - special.gammaln(
        alpha.sum(axis=-1)
    )
    return total
