"""An interval of half this width holds the truth as often as it says."""

import numpy as np
import pytest

from core.stats.conformal import half_width


def test_the_width_is_the_residual_of_the_promised_rank() -> None:
    residuals = np.arange(1.0, 100.0) * np.where(np.arange(99) % 2, 1, -1)
    assert half_width(residuals, 0.9) == 90.0


def test_too_few_rows_promise_nothing() -> None:
    assert half_width(np.ones(8), 0.9) is None
    assert half_width(np.ones(9), 0.9) == 1.0
    assert half_width(np.array([]), 0.9) is None


@pytest.mark.parametrize("n", [19, 50, 200])
def test_a_new_row_is_inside_90_percent_of_the_time(n: int) -> None:
    rng = np.random.default_rng(1)
    inside = [
        abs(rng.standard_t(3)) <= (half_width(rng.standard_t(3, n)) or 0.0) for _ in range(4000)
    ]
    assert (
        0.885 <= np.mean(inside) <= 0.92
    )  # 4,000 looks: 0.005 a standard error; at most 0.05/n up
