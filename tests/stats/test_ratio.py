"""The sample-ratio test finds a wrong split and leaves a right one alone."""

import math

import numpy as np
import pytest
from scipy import integrate

from core.stats.ratio import find_log_mismatch

ALARM = math.log(1 / 0.01)


def draw_looks(seed: int, n_trials: int, n_requests: int, share: float) -> np.ndarray:
    """How many requests each of two arms had after every request."""
    rng = np.random.default_rng(seed)
    second = (rng.random((n_trials, n_requests)) < share).cumsum(axis=1)
    n = np.arange(1, n_requests + 1)
    return np.stack([n - second, second], axis=-1).astype(np.float64)


def test_factor_is_the_mixture_of_all_shares() -> None:
    """Against the integral of the likelihood ratio over the prior."""
    a, b, n_first, n_second = 20.0, 180.0, 9, 31
    norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def ratio(p: float) -> float:
        prior = norm + (a - 1) * math.log(p) + (b - 1) * math.log(1 - p)
        return math.exp(prior + n_first * math.log(p / 0.1) + n_second * math.log((1 - p) / 0.9))

    mixture, _ = integrate.quad(ratio, 1e-9, 0.6)
    factor = find_log_mismatch(np.array([float(n_first), float(n_second)]), [0.1, 0.9], 200.0)
    assert float(factor) == pytest.approx(math.log(mixture), rel=1e-6)


def test_no_requests_say_nothing() -> None:
    assert float(find_log_mismatch(np.zeros(2), [0.5, 0.5])) == 0.0


@pytest.mark.parametrize("planned", [[1.0, 0.0], [0.5, 0.6], [0.9, -0.1, 0.2]])
def test_shares_that_are_no_split_are_refused(planned: list[float]) -> None:
    with pytest.raises(ValueError, match="no shares of a split"):
        find_log_mismatch(np.zeros(len(planned)), planned)


@pytest.mark.slow
def test_a_right_split_is_called_wrong_in_at_most_one_trial_of_a_hundred() -> None:
    looks = draw_looks(1, 1_000, 5_000, 0.1)
    assert (find_log_mismatch(looks, [0.9, 0.1]) >= ALARM).any(axis=1).mean() <= 0.01


@pytest.mark.slow
def test_88_to_12_is_found_within_3500_requests() -> None:
    """At the median, where 90 to 10 was planned; 2,590 measured."""
    alarm = find_log_mismatch(draw_looks(1, 1_000, 6_000, 0.12), [0.9, 0.1]) >= ALARM
    found = np.where(alarm.any(axis=1), alarm.argmax(axis=1) + 1, 10**9)
    assert np.quantile(found, 0.5) <= 3_500
