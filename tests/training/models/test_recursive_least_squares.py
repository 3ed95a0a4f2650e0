"""A line that forgets is least squares with weights that fall with age, however rows arrive."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from core.training.models.recursive_least_squares import ForgettingLine

RNG = np.random.default_rng(1)
X = RNG.normal(size=(300, 3))
Y = 50 + X @ np.array([4.0, -2.0, 0.5]) + RNG.normal(size=300)


@pytest.mark.parametrize("forgetting", [1.0, 0.98])
def test_it_is_least_squares_with_weights_that_fall_with_age(forgetting: float) -> None:
    weight = forgetting ** np.arange(299, -1, -1.0)
    reference = LinearRegression().fit(X, Y, sample_weight=weight).predict(X)
    scores = ForgettingLine(forgetting=forgetting).fit(X, Y).predict(X)
    assert scores == pytest.approx(reference, abs=1e-3)


def test_rows_that_arrive_later_are_learned_as_if_all_had_been_there() -> None:
    late = ForgettingLine(forgetting=0.98).fit(X[:100], Y[:100]).partial_fit(X[100:], Y[100:])
    at_once = ForgettingLine(forgetting=0.98).fit(X, Y)
    assert late.predict(X) == pytest.approx(at_once.predict(X), abs=1e-9)


def test_columns_that_follow_from_others_do_not_stop_the_forgetting() -> None:
    """A column for each level of a category sums to the offset in every row."""
    levels = np.eye(3)[np.tile([0, 1, 2], 400)]
    target = np.repeat([10.0, 50.0], 600)
    assert ForgettingLine(forgetting=0.98).fit(levels, target).predict(np.eye(3)) == pytest.approx(
        [50.0] * 3, abs=0.1
    )
