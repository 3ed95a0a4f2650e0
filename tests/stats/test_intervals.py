"""Intervals hold the truth as often as they say, for independent rows and for dependent ones."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from core.stats.intervals import (
    Interval,
    block_sums,
    bootstrap_blocks,
    choose_run,
    mean_interval,
    wilson,
)


def mean_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[:, :1] / sums[:, 1:]


def test_wilson_agrees_with_scipy() -> None:
    for hits, n in [(0, 5), (3, 7), (50, 100), (20, 20), (999, 1000)]:
        expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
        found = wilson(hits, n)
        assert found.value == hits / n
        assert found.low == pytest.approx(expected.low, abs=1e-12)
        assert found.high == pytest.approx(expected.high, abs=1e-12)


@pytest.mark.parametrize(("hits", "n"), [(1, 0), (-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_what_is_no_share(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(hits, n)


def test_block_sums_add_up_to_the_total() -> None:
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(100, 3))
    sums = block_sums(columns, rng.integers(0, 7, 100))
    assert sums.shape == (7, 3)
    assert np.allclose(sums.sum(axis=0), columns.sum(axis=0))


def test_bootstrap_of_a_mean_agrees_with_students_t() -> None:
    values = np.random.default_rng(2).normal(50, 10, 40)
    found = mean_interval(values)
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert found is not None
    # 5,000 resamples place a 2.5 % quantile within 0.06 standard errors; the rest is skewness
    assert found.low == pytest.approx(expected[0], abs=0.15 * stats.sem(values))
    assert found.high == pytest.approx(expected[1], abs=0.15 * stats.sem(values))


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).normal(size=30)
    assert mean_interval(values, seed=5) == mean_interval(values, seed=5)
    assert mean_interval(values, seed=5) != mean_interval(values, seed=6)


def test_fewer_than_two_blocks_have_no_interval() -> None:
    assert mean_interval(np.array([1.0])) is None
    assert mean_interval(np.array([1.0, 2.0, 3.0]), np.zeros(3, dtype=np.int64)) is None


def test_a_figure_that_is_not_finite_has_no_interval() -> None:
    columns = np.zeros((10, 2))
    with np.errstate(invalid="ignore"):
        assert bootstrap_blocks(columns, np.arange(10), mean_of) == [None]


def test_the_value_always_lies_inside_the_limits() -> None:
    values = np.array([0.0] * 19 + [100.0])
    found = mean_interval(values)
    assert found is not None
    assert found.low <= found.value <= found.high


def test_rows_of_one_block_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    block = np.repeat(np.arange(20), 10)
    values = rng.normal(size=20)[block] + 0.1 * rng.normal(size=200)
    whole, rows = mean_interval(values, block), mean_interval(values)
    assert whole is not None
    assert rows is not None
    assert whole.high - whole.low > 2.5 * (rows.high - rows.low)


@pytest.mark.slow  # 50,000 blocks
def test_many_blocks_are_merged_without_changing_the_width() -> None:
    values = np.random.default_rng(5).normal(size=50_000)
    found = mean_interval(values)
    assert found is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 / 50_000**0.5, rel=0.08)


def test_a_run_grows_with_the_cube_root_of_the_blocks() -> None:
    assert [choose_run(n) for n in (1, 8, 27, 125, 1000)] == [1, 2, 3, 5, 10]


def test_an_interval_is_a_plain_value() -> None:
    assert Interval(1.0, 0.0, 2.0) == Interval(1.0, 0.0, 2.0)


def coverage(intervals: list[Interval | None], truth: float) -> float:
    return float(np.mean([i is not None and i.low <= truth <= i.high for i in intervals]))


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 20, 50])
def test_few_independent_blocks_are_covered_95_percent_of_the_time(n: int) -> None:
    rng = np.random.default_rng(6)
    found: list[Interval | None] = []
    for i in range(600):
        columns = np.column_stack([rng.normal(size=n), np.ones(n)])
        found += bootstrap_blocks(columns, np.arange(n), mean_of, n_resamples=1000, seed=i)
    assert 0.925 <= coverage(found, 0.0) <= 0.975  # 600 looks at 95 %: +- 2.8 standard errors


@pytest.mark.slow
def test_runs_of_days_cover_what_single_days_miss_when_errors_depend_on_yesterday() -> None:
    rng = np.random.default_rng(7)
    n, days = 150, np.arange(150)
    single: list[Interval | None] = []
    runs: list[Interval | None] = []
    for i in range(300):
        noise = rng.normal(size=n + 50)
        series = np.zeros(n + 50)
        for t in range(1, n + 50):
            series[t] = 0.5 * series[t - 1] + noise[t]
        columns = np.column_stack([series[50:], np.ones(n)])
        for run, found in ((1, single), (choose_run(n), runs)):
            found += bootstrap_blocks(columns, days, mean_of, run=run, n_resamples=500, seed=i)
    assert coverage(single, 0.0) < 0.80  # 73 % where 95 % was promised
    assert coverage(runs, 0.0) > 0.87  # 90 %; 300 looks
