"""Naive guesses come from the rows they are given and nothing else."""

import numpy as np

from core.stats.metrics import MIN_RECENT, naive_guesses

DAY = 86_400.0


def test_rows_without_times_have_no_recent_mean() -> None:
    target = np.array([0.0, 0.0, 10.0])
    assert set(naive_guesses(target, None)) == {"mean", "median"}
    assert set(naive_guesses(target, np.full(3, np.nan))) == {"mean", "median"}


def test_the_recent_mean_is_of_the_last_28_days_whatever_the_order_of_rows() -> None:
    days = np.random.default_rng(1).permutation(365).astype(float)
    target = days.copy()
    guesses = naive_guesses(np.repeat(target, 2), np.repeat(days, 2) * DAY)
    assert guesses["recent_mean"] == np.mean(np.arange(365 - 28, 365))


def test_sparse_rows_make_the_recent_mean_of_the_newest_thirty() -> None:
    weeks = np.arange(100) * 7 * DAY
    target = np.arange(100.0)
    assert naive_guesses(target, weeks)["recent_mean"] == np.mean(target[-MIN_RECENT:])


def test_rows_without_a_time_are_not_recent() -> None:
    at = np.append(np.arange(40) * DAY, np.nan)
    target = np.append(np.zeros(40), 100.0)
    assert naive_guesses(target, at)["recent_mean"] == 0.0
