"""A file's rows are read in the order of time, with or without their target."""

from pathlib import Path

import numpy as np
import pytest

from core.domain.sample import ColumnMapping
from core.errors import InvalidInput
from core.stream.timeline import StreamTimeline, read_timeline

MAPPING = ColumnMapping("load", "when")


def read(folder: Path, *lines: str) -> StreamTimeline:
    path = folder / "power.csv"
    path.write_text("\n".join(["when,wind,zone,load", *lines]) + "\n")
    return read_timeline(path, MAPPING, folder)


def test_rows_are_sorted_and_times_without_a_zone_are_utc(tmp_path: Path) -> None:
    found = read(tmp_path, "2026-01-02 00:00,3,n,7", "2026-01-01T00:00:00Z,2,s,5")
    assert found.target.tolist() == [5.0, 7.0]
    assert found.rows(0, 2) == [
        ({"wind": 2.0, "zone": "s"}, None),
        ({"wind": 3.0, "zone": "n"}, None),
    ]
    assert int(found.at_micros[0]) == 1_767_225_600_000_000


def test_a_row_without_a_target_is_kept_and_one_without_a_time_is_not(tmp_path: Path) -> None:
    found = read(tmp_path, "2026-01-01,1,n,", ",2,n,4", "soon,3,n,4", "2026-01-02,4,n,6")
    assert np.isnan(found.target[0])
    assert found.target[1] == 6.0
    assert found.n_left_out == 2
    assert "'soon' is not a time" in found.example


def test_times_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"in 'when' that can be read: row 1: .*01/02"):
        read(tmp_path, "01/02/2026,1,n,5", "03/02/2026,2,n,5")


def test_a_target_that_is_no_number_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"a number in the target 'load': row 1: 'high' is not"):
        read(tmp_path, "2026-01-01,1,n,high", "2026-01-02,2,n,low")
