"""A snapshot's frame becomes arrays without losing what a split has to know."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.domain.dataset import AT, GROUP, PROVENANCE, TARGET
from core.errors import InvalidInput
from core.training.data.rows import arrange_rows, list_rows, name_features


def make_frame(**changes: Any) -> pd.DataFrame:
    columns = {
        AT: pd.Series(pd.to_datetime(["2026-01-01", None, "2026-01-02"], utc=True)),
        TARGET: [1.0, 0.0, 3.0],
        GROUP: [None, None, None],
        PROVENANCE: ["real", "feedback", "synthetic"],
        "a": [1.0, np.nan, 3.0],
        "b": ["x", None, "y"],
    }
    return pd.DataFrame(columns | changes)


CONTENT = np.array([0, 1, 0])


def test_times_are_seconds_and_nan_where_there_is_none() -> None:
    rows = arrange_rows(make_frame(), CONTENT, ())
    assert rows.at_seconds[0] == 1767225600.0
    assert np.isnan(rows.at_seconds[1])
    assert rows.at_seconds[2] - rows.at_seconds[0] == 86_400


def test_the_features_are_all_columns_but_the_reserved_and_those_left_out() -> None:
    assert name_features(arrange_rows(make_frame(), CONTENT, ()).features) == ("a", "b")
    assert name_features(arrange_rows(make_frame(), CONTENT, ("a",)).features) == ("b",)
    with pytest.raises(InvalidInput, match=r"'c' cannot be left out.*a, b are"):
        arrange_rows(make_frame(), CONTENT, ("c",))
    with pytest.raises(InvalidInput):
        arrange_rows(make_frame(), CONTENT, (TARGET,))


def test_only_synthetic_rows_are_synthetic() -> None:
    assert arrange_rows(make_frame(), CONTENT, ()).synthetic.tolist() == [False, False, True]


def test_rows_of_a_group_stay_together_and_a_row_without_one_stands_alone() -> None:
    rows = arrange_rows(make_frame(**{GROUP: ["g", None, "g"]}), CONTENT, ())
    assert rows.group is not None
    assert rows.together[0] == rows.together[2]
    assert rows.together[1] not in rows.together[[0, 2]]


def test_without_groups_rows_of_the_same_content_stay_together() -> None:
    rows = arrange_rows(make_frame(), CONTENT, ())
    assert rows.group is None
    assert rows.together.tolist() == [0, 1, 0]


def test_content_so_coarse_that_everything_is_a_copy_keeps_nothing_together() -> None:
    frame = pd.concat([make_frame()] * 10, ignore_index=True)
    rows = arrange_rows(frame, np.arange(30) % 2, ())
    assert len(np.unique(rows.together)) == 30


def test_rows_are_listed_as_the_api_would_send_them() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None], "c": [True, False]})
    assert list_rows(frame, np.array([1, 0])) == [
        {"a": None, "b": None, "c": 0.0},
        {"a": 1.0, "b": "x", "c": 1.0},
    ]


def test_picking_keeps_arrays_parallel() -> None:
    rows = arrange_rows(make_frame(**{GROUP: ["g", "h", "i"]}), CONTENT, ()).pick(np.array([2, 0]))
    assert rows.target.tolist() == [3.0, 1.0]
    assert rows.features["a"].tolist() == [3.0, 1.0]
    assert rows.group is not None
    assert rows.group.tolist() == [2, 0]
    assert rows.synthetic.tolist() == [True, False]
