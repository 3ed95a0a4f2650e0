"""A raw value means the same in a frame and in a mapping."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.features.values import column_names, levels_of, numbers_of, to_level, to_number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0.0),
        (-2.5, -2.5),
        (True, 1.0),
        (False, 0.0),
        ("3", 3.0),
        (" 4.5\n", 4.5),
        ("-1e-3", -0.001),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.bool_(True), 1.0),
    ],
)
def test_numbers_however_they_are_written(value: object, number: float) -> None:
    assert to_number(value) == number


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", "high", "nan", "inf", "-Infinity", math.inf, math.nan, 10**400, [1], {}, b"1"],
)
def test_what_is_no_finite_number_is_missing(value: object) -> None:
    assert math.isnan(to_number(value))


def test_what_32_bits_cannot_hold_is_missing_however_it_comes() -> None:
    huge = [1e39, -1e300, "1e200", 3.4e38, 10**39]
    expected = [True, True, True, False, True]
    assert [np.isnan(to_number(value)) for value in huge] == expected
    frame = pd.DataFrame({"a": [1e39, -1e300, 1e200, 3.4e38, 1e39]})
    assert np.isnan(numbers_of(frame, "a")).tolist() == expected
    assert np.isnan(numbers_of([{"a": value} for value in huge], "a")).tolist() == expected


def test_zero_is_a_value_and_a_level() -> None:
    assert to_number(0) == 0.0
    assert to_level(0) == to_level("0") == to_level(0.0) == to_level(-0.0 + 0.0) == "0"


def test_levels_keep_their_case_and_lose_their_edges() -> None:
    assert to_level(" Red ") == "Red"
    assert to_level("red") != to_level("Red")
    assert to_level(float("inf")) is None
    assert to_level(pd.NaT) is None


def test_a_frame_and_mappings_give_the_same_columns() -> None:
    rows = [{"a": 1.5, "b": "x"}, {"a": None, "b": None}, {"a": 3.0, "b": "7"}]
    frame = pd.DataFrame(rows)
    assert column_names(frame) == column_names(rows) == ["a", "b"]
    for name in ("a", "b", "absent"):
        assert np.array_equal(numbers_of(frame, name), numbers_of(rows, name), equal_nan=True)
        assert levels_of(frame, name) == levels_of(rows, name)


@pytest.mark.parametrize("dtype", ["int64", "float32", "bool", "Int64", "Float64", "boolean"])
def test_every_numeric_dtype_of_a_frame_is_read(dtype: str) -> None:
    frame = pd.DataFrame({"a": pd.Series([1, 0, 1], dtype=dtype)})
    assert numbers_of(frame, "a").tolist() == [1.0, 0.0, 1.0]
    assert levels_of(frame, "a") == ["1", "0", "1"]


def test_equal_texts_and_numbers_are_one_level_wherever_they_stand() -> None:
    values = [" x ", "x", "1.0", 1, True, " x ", None, "", [1], "1.0"]
    levels = ["x", "x", "1", "1", "1", "x", None, None, None, "1"]
    assert levels_of([{"a": value} for value in values], "a") == levels
    assert levels_of(pd.DataFrame({"a": pd.Series(values, dtype="object")}), "a") == levels


def test_missing_and_infinite_numbers_of_a_frame_are_nan_and_the_frame_stays_as_it_was() -> None:
    frame = pd.DataFrame(
        {"a": [1.0, math.inf, math.nan], "b": pd.Series([1, None, 3], dtype="Int64")}
    )
    assert np.array_equal(numbers_of(frame, "a"), [1.0, math.nan, math.nan], equal_nan=True)
    assert np.array_equal(numbers_of(frame, "b"), [1.0, math.nan, 3.0], equal_nan=True)
    assert frame["a"].iloc[1] == math.inf


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=5),
            st.sampled_from("01x"),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_column_reads_the_same_from_a_frame_of_objects_and_from_mappings(
    values: list[object],
) -> None:
    rows = [{"a": value} for value in values]
    frame = pd.DataFrame({"a": pd.Series(values, dtype=object)})
    assert np.array_equal(numbers_of(frame, "a"), numbers_of(rows, "a"), equal_nan=True)
    assert levels_of(frame, "a") == levels_of(rows, "a")
