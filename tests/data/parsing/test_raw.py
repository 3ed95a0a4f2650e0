"""Parquet: read by batches, times to the microsecond, what is cut short refused."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.parsing.raw import read_columnar
from core.errors import InvalidInput


def _write(tmp_path: Path, table: pa.Table) -> Path:
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    return path


def test_rows_come_in_batches_with_their_numbers(tmp_path: Path) -> None:
    path = _write(tmp_path, pa.table({"a": list(range(5)), "b": ["x", None, "y", "z", ""]}))
    pieces = list(read_columnar(path).read_pieces(2))
    assert [list(piece.rows) for piece in pieces] == [[1, 2], [3, 4], [5]]
    assert pieces[0].columns == {"a": [0, 1], "b": ["x", None]}
    assert [piece.share_read for piece in pieces] == [0.4, 0.8, 1.0]


def test_times_of_any_unit_come_out_as_python_has_them(tmp_path: Path) -> None:
    nanos = pa.array([1772452800_000000001], pa.timestamp("ns", tz="UTC"))
    (piece,) = read_columnar(_write(tmp_path, pa.table({"at": nanos}))).read_pieces(9)
    assert piece.columns["at"][0] == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert type(piece.columns["at"][0]) is datetime


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, pa.table({"a": list(range(1000))}))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match=r"'a.parquet' cannot be read as Parquet \(.*write it"):
        read_columnar(path)


def test_a_file_damaged_inside_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, pa.table({"a": [f"{i:050d}" for i in range(5000)]}))
    content = bytearray(path.read_bytes())
    content[100:2000] = b"\xff" * 1900
    path.write_bytes(bytes(content))
    with pytest.raises(InvalidInput, match="cannot be read as Parquet"):
        list(read_columnar(path).read_pieces(100))


def test_a_name_that_is_there_twice_is_numbered_and_that_is_said(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([n]) for n in range(4)], names=["a", "a_2", "a", "a"])
    read = read_columnar(_write(tmp_path, table))
    (piece,) = read.read_pieces(9)
    assert piece.columns == {"a": [0], "a_2": [1], "a_3": [2], "a_4": [3]}
    assert read.notes == (
        "3 columns are named 'a': after the first they are called 'a_3', 'a_4' here.",
    )


def test_text_named_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInput, match="it is cut short or not Parquet"):
        read_columnar(path)
