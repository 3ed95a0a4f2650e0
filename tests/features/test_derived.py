"""Each derived feature by hand, and missing where an input is."""

import math

import numpy as np
import pytest

from core.domain.sample import BASE, DERIVED
from core.features.formulas import DERIVED_FORMULAS, Formula

ROW = {
    "codeQuality": 80.0,
    "testCoverage": 60.0,
    "security": 70.0,
    "performance": 90.0,
    "maintainability": 50.0,
    "complexity": 40.0,
    "csat": 0.75,
}
BY_HAND = {
    # .25*80 + .20*60 + .20*70 + .15*90 + .15*50 + .05*(100-40) = 20 + 12 + 14 + 13.5 + 7.5 + 3
    "weighted_quality": 70.0,
    "health_mean": 67.5,  # (60 + 70 + 90 + 50) / 4
    "quality_per_complexity": 2.0,  # 80 / 40
    "coverage_per_complexity": 1.5,  # 60 / 40
    "security_performance_gap": 20.0,  # |70 - 90|
    "quality_times_csat": 60.0,  # 80 * 0.75
}


def test_there_are_six_and_they_read_base_features_only() -> None:
    assert tuple(formula.column for formula in DERIVED_FORMULAS) == DERIVED == tuple(BY_HAND)
    assert {name for formula in DERIVED_FORMULAS for name in formula.inputs} == set(BASE)


@pytest.mark.parametrize("formula", DERIVED_FORMULAS, ids=lambda formula: formula.column)
def test_the_value_is_the_one_by_hand_for_one_row_and_for_many(formula: Formula) -> None:
    values = [ROW[name] for name in formula.inputs]
    expected = BY_HAND[formula.column]
    assert formula.compute(*values) == pytest.approx(expected, abs=1e-12)
    many = formula.compute(*[np.array([value, value]) for value in values])
    assert many.tolist() == [formula.compute(*values)] * 2


@pytest.mark.parametrize("formula", DERIVED_FORMULAS, ids=lambda formula: formula.column)
def test_a_missing_input_makes_it_missing(formula: Formula) -> None:
    names = formula.inputs
    for lacking in names:
        values = [math.nan if name == lacking else ROW[name] for name in names]
        assert math.isnan(formula.compute(*values))
        many = formula.compute(*[np.array([value]) for value in values])
        assert np.isnan(many).all()


def test_work_without_complexity_has_no_ratio() -> None:
    ratio = next(f for f in DERIVED_FORMULAS if f.column == "quality_per_complexity").compute
    assert math.isnan(ratio(80.0, 0.0))
    assert np.isnan(ratio(np.array([80.0]), np.array([0.0]))).all()
