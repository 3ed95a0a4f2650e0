"""Splits: the newest rows judge, nothing is on both sides, and the reason says what was done."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.quality.near_duplicates import identify_content
from core.data.splits import Split, choose_label_delay, leave_gap, split_rows
from core.domain.dataset import EXTERNAL_ID, TARGET, TEXT
from core.errors import Refused


def _days(*days: float | None) -> pd.Series:
    times = [None if d is None else pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=d)
             for d in days]  # fmt: skip
    return pd.Series(times, dtype="datetime64[us, UTC]")


def _no_times(n: int) -> pd.Series:
    return _days(*[None] * n)


def _sides(split: Split) -> tuple[set[int], set[int]]:
    train, holdout = set(split.train.tolist()), set(split.holdout.tolist())
    assert not train & holdout
    return train, holdout


def test_the_newest_fifth_is_held_out_whatever_the_order_of_the_rows() -> None:
    order = np.random.default_rng(0).permutation(100)
    split = split_rows(_days(*order), None, range(100), seed=0)
    assert split.kind == "time"
    assert sorted(order[split.holdout]) == list(range(80, 100))
    assert split.reason == (
        "By time: the newest 20 of 100 rows, from 2026-03-22 00:00 UTC on, are held out."
    )


def test_equal_times_stay_together_at_the_nearest_boundary() -> None:
    days = [0] * 10 + [1] * 60 + [2] * 25 + [3] * 5
    split = split_rows(_days(*days), None, range(100), seed=0)
    assert len(split.holdout) == 30
    assert set(split.holdout) == set(range(70, 100))


def test_the_share_can_be_chosen() -> None:
    split = split_rows(_days(*range(50)), None, range(50), holdout_share=0.4, seed=0)
    assert len(split.holdout) == 20


def test_later_rows_of_a_group_learned_from_are_left_out_and_counted() -> None:
    groups = ["old"] * 85 + ["new"] * 15
    split = split_rows(_days(*range(100)), pd.Series(groups), range(100), seed=0)
    train, holdout = _sides(split)
    assert holdout == set(range(85, 100))
    assert train == set(range(80))
    assert split.n_left_out == 5
    assert "5 later rows are left out, since their group or features are among" in split.reason


def test_later_copies_of_rows_learned_from_are_left_out() -> None:
    contents = list(range(100))
    contents[95], contents[97] = 3, 70
    split = split_rows(_days(*range(100)), None, contents, seed=0)
    assert set(split.holdout) == set(range(80, 100)) - {95, 97}
    assert split.n_left_out == 2


def test_groups_that_last_all_the_time_are_split_by_group_instead() -> None:
    groups = pd.Series([f"repo{i % 10}" for i in range(200)])
    split = split_rows(_days(*range(200)), groups, range(200), seed=1)
    assert split.kind == "group"
    assert len(split.holdout) == 40
    assert split.reason == (
        "Not by time, since 40 of the newest 40 rows belong to groups or repeat features that are "
        "older. By group: 40 of 200 rows are held out, drawn with seed 1, no group and no equal "
        "features on both sides."
    )


def test_one_moment_for_all_rows_is_no_order() -> None:
    split = split_rows(_days(*[5] * 50), None, range(50), seed=0)
    assert split.kind == "random"
    assert split.reason.startswith("Not by time, since all rows carry the same one. At random: ")


def test_a_few_rows_without_a_time_are_learned_from() -> None:
    split = split_rows(_days(None, None, *range(98)), None, range(100), seed=0)
    train, holdout = _sides(split)
    assert split.kind == "time"
    assert {0, 1} <= train
    assert len(holdout) == 20
    assert "2 rows without a time are learned from." in split.reason


def test_with_many_rows_without_a_time_it_does_not_order_the_split() -> None:
    split = split_rows(_days(*[None] * 6, *range(94)), None, range(100), seed=0)
    assert split.kind == "random"


def test_without_times_whole_groups_are_drawn() -> None:
    groups = pd.Series([f"q{i % 25}" for i in range(100)])
    split = split_rows(_no_times(100), groups, range(100), seed=0)
    assert split.kind == "group"
    assert len(split.holdout) == 20
    assert not set(groups[split.train]) & set(groups[split.holdout])


def test_without_times_and_groups_the_draw_is_seeded() -> None:
    splits = [split_rows(_no_times(100), None, range(100), seed=seed) for seed in (0, 0, 1)]
    assert splits[0].kind == "random"
    assert splits[0].holdout.tolist() == splits[1].holdout.tolist()
    assert splits[0].holdout.tolist() != splits[2].holdout.tolist()
    assert splits[0].reason == (
        "The rows carry no time and no group. At random: 20 of 100 rows are held out, drawn with "
        "seed 0."
    )


@pytest.mark.parametrize("with_groups", [False, True])
def test_rows_that_are_added_leave_the_others_where_they_were(with_groups: bool) -> None:
    frame = pd.DataFrame({"a": np.random.default_rng(5).normal(size=2_200)})
    names = pd.Series([f"q{i // 4}" for i in range(len(frame))]) if with_groups else None

    def hold_out(rows: list[int]) -> set[int]:
        groups = None if names is None else names.iloc[rows]
        content = identify_content(frame.iloc[rows])
        split = split_rows(_no_times(len(rows)), groups, content, seed=0)
        return {rows[place] for place in split.holdout}

    before = hold_out(list(range(2_000)))
    after = hold_out(list(range(2_199, -1, -1)))  # a tenth more, and in another order
    assert len(before) == 400
    assert len(after) == 440
    moved = before ^ {row for row in after if row < 2_000}
    assert len(moved) <= 40  # two standard deviations of how many of the 200 are drawn; not 640


def test_equal_contents_stay_on_one_side() -> None:
    contents = np.arange(100) // 2
    split = split_rows(_no_times(100), None, contents, seed=0)
    assert not set(contents[split.train]) & set(contents[split.holdout])
    assert len(split.holdout) == 20
    assert "50 rows repeat features and stay beside their equals." in split.reason


def test_a_content_in_two_groups_ties_them_together() -> None:
    groups = pd.Series([f"g{i // 5}" for i in range(50)])
    contents = list(range(50))
    contents[0], contents[49] = 7, 7
    for seed in range(10):
        split = split_rows(_no_times(50), groups, contents, seed=seed)
        assert {"g0", "g1", "g9"} & set(groups[split.holdout]) in (set(), {"g0", "g1", "g9"})


def test_where_equal_contents_tie_all_groups_they_are_left_out_instead() -> None:
    groups = pd.Series([f"g{i // 10}" for i in range(100)])
    contents = [0 if i % 10 == 0 else i for i in range(100)]  # one empty answer in each group
    split = split_rows(_no_times(100), groups, contents, seed=0)
    assert split.kind == "group"
    assert len(split.holdout) == 18
    assert split.n_left_out == 2
    assert not set(groups[split.train]) & set(groups[split.holdout])
    assert "2 rows are left out, since equal ones are learned from." in split.reason


def test_features_too_coarse_to_tell_work_apart_are_not_copies() -> None:
    contents = np.arange(400) % 12
    split = split_rows(_days(*range(400)), None, contents, seed=0)
    assert (split.kind, len(split.holdout)) == ("time", 80)
    assert "The features take only 12 different values together" in split.reason


def test_a_few_large_groups_still_make_a_holdout() -> None:
    groups = pd.Series(["a"] * 50 + ["b"] * 30 + ["c"] * 40)
    split = split_rows(_no_times(120), groups, range(120), seed=0)
    assert set(groups[split.holdout]) == {"b"}


@pytest.mark.parametrize("n", [0, 1, 50])
def test_rows_of_one_group_cannot_be_divided(n: int) -> None:
    groups = pd.Series(["only"] * n, dtype="str")
    with pytest.raises(Refused, match="cannot be divided into rows to learn from and rows to"):
        split_rows(_no_times(n), groups, range(n), seed=0)


def test_times_of_another_length_are_a_bug_and_not_an_answer() -> None:
    with pytest.raises(ValueError, match="3 times for 2 rows"):
        split_rows(_days(1, 2, 3), None, range(2), seed=0)


_ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(0, 30),
        st.none() | st.sampled_from("abcdefgh"),
        st.integers(0, 60),
    ),
    min_size=2,
    max_size=120,
)


@given(_ROWS, st.integers(0, 3))
def test_no_group_and_no_content_is_ever_on_both_sides(
    rows: list[tuple[int | None, str | None, int]], seed: int
) -> None:
    at, groups, contents = _days(*(r[0] for r in rows)), [r[1] for r in rows], [r[2] for r in rows]
    try:
        split = split_rows(at, pd.Series(groups, dtype="str"), contents, seed=seed)
    except Refused:
        return
    train, holdout = _sides(split)
    assert train
    assert holdout
    assert len(train) + len(holdout) + split.n_left_out == len(rows)
    assert not {contents[i] for i in train} & {contents[i] for i in holdout}
    assert not {groups[i] for i in train} & {groups[i] for i in holdout} - {None}
    if split.kind == "time":
        timed = [at[i] for i in train if at[i] is not pd.NaT]
        assert max(timed) < min(at[i] for i in holdout)


def test_rows_with_equal_features_and_text_are_equal_content() -> None:
    frame = pd.DataFrame(
        {
            TARGET: [1.0, 2.0, 3.0, 4.0, 5.0],
            EXTERNAL_ID: list("vwxyz"),
            TEXT: ["t", "t", "u", None, None],
            "a": [1.0, 1.0, 1.0, np.nan, np.nan],
            "b": ["x", "x", "x", None, None],
        }
    )
    assert pd.factorize(identify_content(frame))[0].tolist() == [0, 0, 1, 2, 2]


def test_rows_without_features_are_all_different() -> None:
    assert identify_content(pd.DataFrame({TARGET: [1.0, 1.0]})).tolist() == [0, 1]


def test_rows_whose_label_was_not_known_at_the_split_are_not_learned_from() -> None:
    days = pd.date_range("2026-01-01", periods=100, tz="UTC")
    at_seconds = days.as_unit("s").astype("int64").to_numpy().astype(float)
    split = split_rows(days, None, range(100), seed=0)
    gap = leave_gap(split, at_seconds, 7 * 86_400.0)
    assert gap.holdout.tolist() == split.holdout.tolist()
    assert gap.train.tolist() == list(range(74))  # day 73's label is known just at the split
    assert gap.n_unknown_yet == 6
    assert gap.reason.endswith(
        "6 rows before it are left out, since labels take 7 days and theirs were not known yet."
    )


def test_a_row_is_left_out_by_the_time_of_its_own_label_where_that_is_known() -> None:
    days = pd.date_range("2026-01-01", periods=100, tz="UTC")
    at_seconds = days.as_unit("s").astype("int64").to_numpy().astype(float)
    split = split_rows(days, None, range(100), seed=0)
    labelled = np.full(100, np.nan)
    labelled[10] = at_seconds[90]  # it took 80 days
    labelled[79] = at_seconds[79] + 60
    gap = leave_gap(split, at_seconds, 2 * 86_400.0, labelled)
    assert gap.n_unknown_yet == 1
    assert 10 not in gap.train
    assert {78, 79} <= set(gap.train)
    late = leave_gap(split, at_seconds, 3 * 86_400.0, labelled)
    assert late.n_unknown_yet == 2  # day 78's label comes a day too late; day 79's is known


def test_without_a_delay_or_an_order_in_time_no_row_is_left_out() -> None:
    days = pd.date_range("2026-01-01", periods=100, tz="UTC")
    at_seconds = days.as_unit("s").astype("int64").to_numpy().astype(float)
    by_time = split_rows(days, None, range(100), seed=0)
    assert leave_gap(by_time, at_seconds, 0.0) is by_time
    assert leave_gap(by_time, at_seconds, 0.5 * 86_400.0) is by_time
    at_random = split_rows([pd.NaT] * 100, None, range(100), seed=0)
    assert leave_gap(at_random, np.full(100, np.nan), 7 * 86_400.0) is at_random


def test_the_delay_is_what_somebody_set_or_what_labels_took() -> None:
    assert choose_label_delay([3600.0] * 46 + [86_400.0] * 4, None) == 3600.0
    assert choose_label_delay([3600.0] * 49, None) == 0.0
    assert choose_label_delay([3600.0] * 100, 0.0) == 0.0
    assert choose_label_delay([-5.0] * 100, None) == 0.0
