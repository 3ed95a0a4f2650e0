"""The densest window's centre is the best constant where accuracy is what counts."""

import numpy as np
import pytest

from core.training.models.objective import densest_centre


@pytest.mark.parametrize("tolerance", [0.5, 5.0, 20.0])
def test_no_other_constant_is_within_tolerance_more_often(tolerance: float) -> None:
    values = np.random.default_rng(1).choice([20.0, 70.0], 200) + np.arange(200) * 0.1
    centre = densest_centre(values, tolerance)
    share = np.mean(np.abs(values - centre) <= tolerance + 1e-9)
    others = [np.mean(np.abs(values - c) <= tolerance) for c in np.arange(0, 100, 0.05)]
    assert share >= max(others)


def test_without_values_there_is_no_window() -> None:
    with pytest.raises(ValueError, match="no values"):
        densest_centre(np.empty(0), 5.0)
