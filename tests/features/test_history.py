"""History is what was known at a moment: by the definition, and never from later."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.sample import HISTORY, MEAN_QUALITY
from core.features.history import trace_history
from tests.features.histories import Work, histories, recall, trace, works


@settings(max_examples=100)
@given(histories)
def test_each_row_carries_what_its_definition_says(rows: list[Work]) -> None:
    found = trace(rows)
    for place in range(len(rows)):
        for name, wanted in recall(rows, place).items():
            assert found[name][place] == pytest.approx(wanted, rel=1e-9, abs=1e-9, nan_ok=True)


@settings(max_examples=100)
@given(st.data())
def test_nothing_later_ever_changes_an_earlier_row(data: st.DataObject) -> None:
    rows = data.draw(st.lists(works, min_size=1, max_size=25))
    place = data.draw(st.integers(0, len(rows) - 1))
    own = rows[place]
    before = {name: values[place] for name, values in trace(rows).items()}
    changed = [_rewrite(data, row) if _is_later(row, own) else row for row in rows]
    changed[place] = replace(own, quality=data.draw(st.floats(0, 100)))  # nor does its own label
    added = [row for row in data.draw(st.lists(works, max_size=6)) if _is_later(row, own)]
    after = trace([*changed, *added])
    for name in HISTORY:
        np.testing.assert_array_equal(after[name][place], before[name])


def _is_later(row: Work, own: Work) -> bool:
    """Whether its label was not known yet when the other was made."""
    return own.at is None or row.known_at is None or row.known_at >= own.at


def _rewrite(data: st.DataObject, row: Work) -> Work:
    """The same row with another label, known whenever it was not before."""
    return replace(
        row,
        quality=data.draw(st.floats(0, 100)),
        csat=data.draw(st.none() | st.floats(0, 1)),
        late_hours=row.late_hours + data.draw(st.integers(0, 5)),
    )


def test_a_label_counts_from_when_it_was_known() -> None:
    early, own = Work(0, 0, "a", "m", 60.0, None), Work(10, 0, "a", "m", 1.0, None)
    for late_hours, wanted in ((0, 60.0), (9, 60.0), (10, np.nan), (11, np.nan)):
        rows = [replace(early, late_hours=late_hours), own]
        np.testing.assert_equal(trace(rows)[MEAN_QUALITY][1], wanted)


def test_rows_of_the_same_instant_do_not_know_each_other() -> None:
    rows = [Work(5, 0, "a", "m", 60.0, None), Work(5, 0, "a", "m", 70.0, None)]
    assert np.isnan(trace(rows)[MEAN_QUALITY]).all()


def test_without_provider_or_model_there_is_no_history() -> None:
    frame = pd.DataFrame({"provider": ["a"] * 3})
    times = np.arange(3.0)
    assert np.isnan(trace_history(frame, times, times, times)[MEAN_QUALITY]).all()


def test_a_tiny_spread_far_from_zero_is_not_lost() -> None:
    """Sums of squares of 1e8 + {0, 1} would have no digit left for a variance of 0.25."""
    rows = [Work(i, 0, "a", "m", 1e8 + i % 2, None) for i in range(4)] + [
        Work(9, 0, "a", "m", 0.0, None)
    ]
    assert trace(rows)["__consistency__"][4] == pytest.approx(1 / 1.5, abs=1e-12)
