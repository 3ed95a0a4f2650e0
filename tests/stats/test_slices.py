"""Slices are the same wherever rows are cut: their size, their order, their names."""

import numpy as np

from core.stats.slices import MIN_ROWS, cut_columns, cut_levels, least_rows


def test_a_slice_has_thirty_rows_and_five_percent_of_all() -> None:
    assert [least_rows(n) for n in (0, 600, 1_000)] == [MIN_ROWS, MIN_ROWS, 50]


def test_only_levels_with_enough_rows_are_cut_the_largest_first() -> None:
    values = ["b"] * 3 + ["a"] * 5 + [None] * 3 + [str(i) for i in range(10_000)]
    found = cut_levels("lang", values, 3)
    assert [(part.level, part.where) for part in found] == [
        ("a", "lang = a"),
        ("missing", "lang missing"),
        ("b", "lang = b"),
    ]
    assert [int(part.rows.sum()) for part in found] == [5, 3, 3]


def test_a_number_is_cut_into_ranges_and_what_is_missing() -> None:
    found = cut_columns({"size": np.array([np.nan, *range(100)])})
    assert [part.where for part in found][:3] == [
        "size missing",
        "size up to 9.9",
        "size above 89.1",
    ]
