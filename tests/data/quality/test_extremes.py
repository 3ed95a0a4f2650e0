"""Extremes: numbers that nobody can learn from are named, counted and taken as missing."""

import numpy as np
import pandas as pd
import pytest

from core.data.quality.extremes import check_extremes, drop_unusable

USUAL = np.random.default_rng(0).normal(50, 10, 300)


def _with(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"size": np.r_[USUAL, values], "other": np.r_[USUAL, [1.0] * len(values)]})


@pytest.mark.parametrize("values", [(1e300,), (-1e39, 1e39), (3.5e38,), (1e12,), (-4e9, 1e300)])
def test_a_number_far_beyond_the_others_is_named(values: tuple[float, ...]) -> None:
    issues = list(check_extremes(_with(*values)))
    assert {issue.column for issue in issues} == {"size"}
    assert {issue.code for issue in issues} == {"extreme_values"}
    assert sum(issue.n_rows for issue in issues) == len(values)


@pytest.mark.parametrize(
    "column",
    [
        USUAL,
        np.exp(np.random.default_rng(1).normal(0, 3, 300)),  # a long tail is no mistake
        np.r_[np.zeros(290), [1e5] * 10],
        np.random.default_rng(2).integers(1, 2_000_000, 300),
        np.full(300, np.nan),
        np.where(np.arange(300) % 2 == 0, np.nan, USUAL),
    ],
)
def test_what_columns_usually_hold_is_not_named(column: np.ndarray) -> None:
    assert list(check_extremes(pd.DataFrame({"size": column}))) == []


def test_only_what_no_model_can_compare_becomes_missing() -> None:
    kept = drop_unusable(_with(1e300, 3.3e38, -1e39))["size"].tolist()[-3:]
    assert np.isnan(kept[0])
    assert kept[1] == 3.3e38
    assert np.isnan(kept[2])
