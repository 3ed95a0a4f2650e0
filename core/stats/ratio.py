"""Sample ratio: whether requests reached the arms of a trial in the planned shares."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

CONCENTRATION = 300.0
"""How close to the plan a wrong split is expected to be: found by simulation, see the tests."""


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
