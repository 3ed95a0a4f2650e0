"""Folds keep the order of time and whole groups."""

import numpy as np
import pytest

from core.training.data.rows import MIN_ROWS, split_folds

RNG = np.random.default_rng(1)


def test_with_times_every_fold_is_judged_on_what_follows() -> None:
    at = RNG.permutation(200).astype(float)
    folds = split_folds(at, np.arange(200), seed=0)
    assert len(folds) == 5
    for fit, judge in folds:
        assert at[fit].max() < at[judge].min()
    assert [len(fit) for fit, _ in folds] == sorted(len(fit) for fit, _ in folds)
    assert len(np.unique(np.concatenate([judge for _, judge in folds]))) == pytest.approx(
        200 * 5 / 6, abs=3
    )


def test_equal_times_are_never_on_both_sides() -> None:
    at = np.repeat(np.arange(13.0), 10)
    for fit, judge in split_folds(at, np.arange(130), seed=0):
        assert at[fit].max() < at[judge].min()


def test_rows_without_a_time_are_fitted_on_and_never_judged() -> None:
    at = np.where(np.arange(120) < 20, np.nan, np.arange(120.0))
    for fit, judge in split_folds(at, np.arange(120), seed=0):
        assert set(range(20)) <= set(fit.tolist())
        assert judge.min() >= 20


@pytest.mark.parametrize("times", [None, np.arange(200.0)])
def test_a_group_is_never_on_both_sides(times: np.ndarray | None) -> None:
    group = RNG.integers(0, 40, 200)
    folds = split_folds(times, group, seed=0)
    assert len(folds) == 5
    for fit, judge in folds:
        assert not set(group[fit]) & set(group[judge])


def test_without_times_every_row_is_judged_once_in_parts_of_about_the_same_size() -> None:
    group = RNG.integers(0, 30, 300)
    folds = split_folds(None, group, seed=0)
    judged = np.concatenate([judge for _, judge in folds])
    assert sorted(judged.tolist()) == list(range(300))
    assert max(len(judge) for _, judge in folds) - min(len(judge) for _, judge in folds) < 15


def test_the_seed_decides() -> None:
    group = np.arange(100)
    one, same = (split_folds(None, group, seed=3) for _ in range(2))
    other = split_folds(None, group, seed=4)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(one, other, strict=True))


def test_few_rows_or_one_group_have_no_folds() -> None:
    assert split_folds(None, np.arange(MIN_ROWS - 1), seed=0) == ()
    assert split_folds(None, np.zeros(100, dtype=np.int64), seed=0) == ()
    assert len(split_folds(None, np.arange(100) % 3, seed=0)) == 3
    assert split_folds(np.zeros(100), np.arange(100), seed=0) == ()
