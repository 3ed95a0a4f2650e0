"""Intervals hold the truth as often as they say, for independent rows and for dependent ones."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from core.stats.intervals import (
    BlockEstimate,
    Interval,
    block_sums,
    choose_run,
    divide_sums,
    estimate_by_blocks,
    mean_of_blocks,
    wilson,
)

Rows = NDArray[np.float64]


def find_limits(values: Rows, block: NDArray[np.int64] | None = None, run: int = 1) -> Interval:
    found = mean_of_blocks(values, np.arange(len(values)) if block is None else block, run=run)
    assert found is not None
    return found.find_limits()


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


def test_blocks_of_one_row_are_students_t() -> None:
    values = np.random.default_rng(2).normal(50, 10, 40)
    found = find_limits(values)
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


def test_fewer_than_two_blocks_have_no_interval() -> None:
    assert mean_of_blocks(np.array([1.0]), np.array([0])) is None
    assert mean_of_blocks(np.array([1.0, 2.0, 3.0]), np.zeros(3, dtype=np.int64)) is None
    (mean,) = estimate_by_blocks(np.array([[6.0, 3.0]]), divide_sums)
    assert mean is not None
    assert not mean.find_limits().is_known
    assert mean.find_limits().limits == (None, None)
    assert mean.find_p_value() == 0.5


def test_a_figure_that_is_not_finite_has_no_interval() -> None:
    with np.errstate(invalid="ignore"):
        assert estimate_by_blocks(np.zeros((10, 2)), divide_sums) == [None]


def test_a_figure_that_one_block_alone_defines_has_no_interval() -> None:
    with np.errstate(invalid="ignore"):
        assert estimate_by_blocks(np.array([[1.0, 1.0], [0.0, 0.0]]), divide_sums) == [None]


def test_limits_stay_within_the_values_that_a_figure_can_have() -> None:
    found = BlockEstimate(0.9, 0.2, 3.0).find_limits(lowest=0.0, highest=1.0)
    assert (found.low > 0.2, found.high) == (True, 1.0)


def test_rows_of_one_block_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    block = np.repeat(np.arange(20), 10)
    values = rng.normal(size=20)[block] + 0.1 * rng.normal(size=200)
    whole, rows = find_limits(values, block), find_limits(values)
    assert whole.high - whole.low > 2.5 * (rows.high - rows.low)


def test_a_block_without_rows_is_none() -> None:
    values = np.random.default_rng(5).normal(size=4)
    assert find_limits(values, np.array([0, 0, 7, 7])) == find_limits(
        values, np.array([0, 0, 1, 1])
    )


def test_a_run_grows_with_the_cube_root_of_the_blocks() -> None:
    assert [choose_run(n) for n in (1, 8, 27, 125, 1000)] == [1, 1, 3, 5, 10]


def test_an_interval_is_a_plain_value() -> None:
    assert Interval(1.0, 0.0, 2.0) == Interval(1.0, 0.0, 2.0)


def share_that_hold(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([found.low <= truth <= found.high for found in intervals]))


@pytest.mark.parametrize("n", [2, 3, 5, 12, 50])
def test_few_uneven_blocks_hold_the_mean_95_percent_of_the_time(n: int) -> None:
    """600 looks at 95 %: +- 2.8 standard errors."""
    rng = np.random.default_rng(6)
    found = []
    for _ in range(600):
        block = np.repeat(np.arange(n), rng.integers(5, 16, n))
        found.append(find_limits(rng.normal(size=n)[block] + rng.normal(size=len(block)), block))
    assert 0.925 <= share_that_hold(found, 0.0) <= 0.975


def test_runs_of_days_hold_what_single_days_miss_when_errors_depend_on_yesterday() -> None:
    rng = np.random.default_rng(7)
    n = 150
    single, runs = [], []
    for _ in range(300):
        noise = rng.normal(size=n + 50)
        series = np.zeros(n + 50)
        for t in range(1, n + 50):
            series[t] = 0.5 * series[t - 1] + noise[t]
        single.append(find_limits(series[50:]))
        runs.append(find_limits(series[50:], run=choose_run(n)))
    assert share_that_hold(single, 0.0) < 0.80  # 73 % where 95 % was promised
    assert share_that_hold(runs, 0.0) > 0.87  # 90 %; 300 looks
