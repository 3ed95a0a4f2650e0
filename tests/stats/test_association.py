"""Columns that say something are found, and noise is rarely taken for it."""

import numpy as np
import pytest

from core.stats.association import category_p_value, holm, number_p_value


def test_a_u_shaped_relation_is_found_where_the_rank_correlation_is_blind() -> None:
    x = np.linspace(-1, 1, 200)
    assert number_p_value(x, x**2) < 1e-20


def test_constant_short_and_missing_columns_say_nothing() -> None:
    target = np.arange(20.0)
    assert number_p_value(np.ones(20), target) == 1.0
    assert number_p_value(np.full(20, np.nan), target) == 1.0
    assert number_p_value(np.arange(5.0), target[:5]) == 1.0
    assert number_p_value(np.arange(20.0), np.ones(20)) == 1.0
    assert category_p_value(["a"] * 20, target) == 1.0
    assert category_p_value([str(i) for i in range(20)], target) == 1.0
    assert category_p_value(["a", "b"] * 10, np.ones(20)) == 1.0


def test_missing_values_are_left_out() -> None:
    values = np.where(np.arange(100) % 3 == 0, np.nan, np.arange(100.0))
    assert number_p_value(values, np.arange(100.0)) < 1e-20


def test_a_missing_category_is_a_level() -> None:
    values = [None] * 20 + ["a"] * 20
    assert category_p_value(values, np.arange(40.0)) < 1e-6


def test_holm_stops_at_the_first_that_is_not_rejected() -> None:
    assert holm({"a": 0.0001, "b": 0.02, "c": 0.001}, alpha=0.01) == ("a", "c")
    assert holm({"a": 0.006, "b": 0.0001}, alpha=0.01) == ("b", "a")
    assert holm({"a": 0.006, "b": 0.007}, alpha=0.01) == ()
    assert holm({}) == ()


@pytest.mark.slow
def test_ten_columns_of_noise_are_called_related_in_about_one_percent_of_data_sets() -> None:
    rng = np.random.default_rng(1)
    false = 0
    for _ in range(600):
        target = rng.exponential(size=100)
        p_values = {f"x{i}": number_p_value(rng.normal(size=100), target) for i in range(8)}
        for i in range(2):
            p_values[f"c{i}"] = category_p_value(list(rng.choice(list("abc"), 100)), target)
        false += bool(holm(p_values, alpha=0.01))
    assert false / 600 < 0.025
