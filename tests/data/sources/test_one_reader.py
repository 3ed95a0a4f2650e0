"""One frame, written in every format: the same plan, the same samples, the same content."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.frames import build_table, hash_rows
from core.data.sources.file_preview import read_preview
from core.data.sources.files import plan_file, read_file
from core.domain.sample import ColumnMapping, Provenance, Sample
from core.settings import Scale
from tests.data.spreadsheet_files import write_xlsx

FORMATS = ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet", "a.xlsx"]
MAPPING = ColumnMapping("score", timestamp="at", id="row", group="person")

Columns = Mapping[str, Sequence[object]]


def _write(path: Path, columns: Columns) -> Path:
    """Write columns as a program writes them that knows their types."""
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    if path.suffix in (".csv", ".tsv"):
        separator = "," if path.suffix == ".csv" else "\t"
        pd.DataFrame(columns).to_csv(path, sep=separator, index=False)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, default=str))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    else:
        write_xlsx(path, {"S": [list(columns), *(list(row.values()) for row in rows)]})
    return path


def _import(path: Path, mapping: ColumnMapping) -> tuple[object, list[Sample]]:
    plan = plan_file(path, mapping, lambda share: None)
    pieces = list(read_file(path, plan, "file:a", Provenance.REAL, Scale(0, 100)))
    assert not [rejection for piece in pieces for rejection in piece.rejections]
    return plan, [sample for piece in pieces for sample in piece.samples]


_WORD = st.sampled_from(["red", "blue", "1043", "007", "x y", "no", "0.5"])
_MAYBE = {
    "size": st.none() | st.integers(-5, 5) | st.floats(-1e6, 1e6, width=32),
    "count": st.none() | st.integers(0, 10**6),
    "flag": st.none() | st.booleans(),
    "colour": st.none() | _WORD,
    "person": st.none() | st.integers(1000, 1009),
}


@st.composite
def _frames(draw: st.DrawFn) -> Columns:
    n = draw(st.integers(2, 6))
    columns: dict[str, Sequence[object]] = {
        name: draw(st.lists(values, min_size=n, max_size=n)) for name, values in _MAYBE.items()
    }
    if draw(st.booleans()):
        columns["person"] = [None if one is None else f"p{one}" for one in columns["person"]]
    columns["size"] = [None if one is None else float(one) for one in columns["size"]]
    start = datetime(2026, 3, 2, 14, tzinfo=UTC)
    columns["at"] = [start + timedelta(minutes=place) for place in range(n)]
    columns["row"] = list(range(7000, 7000 + n))
    columns["score"] = draw(st.lists(st.integers(0, 100), min_size=n, max_size=n))
    return columns


@pytest.mark.slow
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(columns=_frames())
def test_a_frame_is_the_same_in_every_format(tmp_path: Path, columns: Columns) -> None:
    found = {name: _import(_write(tmp_path / name, columns), MAPPING) for name in FORMATS}
    plan, samples = found["a.parquet"]
    for name in FORMATS:
        assert found[name] == (plan, samples), name


IDS = [1043, None, 1045, 1043]
FRAME: Columns = {
    "row": [1, 2, 3, 4],
    "person": IDS,
    "flag": [True, None, False, True],
    "zip": ["00123", "00124", "00123", "x"],
    "size": [0.5, 2.0, None, -0.0],
    "at": [datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in range(4)],
    "score": [10, 20, 30, 40],
}


@pytest.mark.parametrize("name", FORMATS)
def test_ids_groups_and_words_are_the_same_where_one_is_missing(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, FRAME)
    _, samples = _import(path, MAPPING)
    assert [sample.group for sample in samples] == ["1043", None, "1045", "1043"]
    assert [sample.external_id for sample in samples] == ["1", "2", "3", "4"]
    assert [sample.features["zip"] for sample in samples] == ["00123", "00124", "00123", "x"]
    assert [sample.features["flag"] for sample in samples] == [1.0, None, 0.0, 1.0]
    assert [sample.features["size"] for sample in samples] == [0.5, 2.0, None, 0.0]
    table = build_table([[(str(n), sample) for n, sample in enumerate(samples)]])
    assert hash_rows(table) == HASH


HASH = hash_rows(
    build_table(
        [
            [
                (
                    str(n),
                    Sample(
                        source="file:a",
                        provenance=Provenance.REAL,
                        features={
                            "flag": [1.0, None, 0.0, 1.0][n],
                            "zip": ["00123", "00124", "00123", "x"][n],
                            "size": [0.5, 2.0, None, 0.0][n],
                        },
                        target=10.0 * (n + 1),
                        at=datetime(2026, 3, 2, n, tzinfo=UTC),
                        group=["1043", None, "1045", "1043"][n],
                        external_id=str(n + 1),
                    ),
                )
                for n in range(4)
            ]
        ]
    )
)


def test_the_guess_is_the_same_in_every_format(tmp_path: Path) -> None:
    guesses = {read_preview(_write(tmp_path / name, FRAME)).mapping for name in FORMATS}
    assert len(guesses) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_long_numbers_are_never_taken_for_one_another(tmp_path: Path, name: str) -> None:
    ids = [str(1234567890123456780 + n) for n in range(3)]
    columns = {"row": ids, "a": [1, 2, 3], "score": [1, 2, 3]}
    _, samples = _import(_write(tmp_path / name, columns), ColumnMapping("score", id="row"))
    assert [sample.external_id for sample in samples] == ids


@pytest.mark.parametrize("name", FORMATS)
def test_ids_whose_last_digits_are_lost_are_refused_row_by_row(tmp_path: Path, name: str) -> None:
    columns = {"row": [1.2345678901234568e18, 7.0], "a": [1, 2], "score": [1, 2]}
    path = _write(tmp_path / name, columns)
    plan = plan_file(path, ColumnMapping("score", id="row"), lambda share: None)
    (piece,) = read_file(path, plan, "file:a", Provenance.REAL, Scale(0, 100))
    assert [sample.external_id for sample in piece.samples] == ["7"]
    assert [rejection.code for rejection in piece.rejections] == ["rounded_number"]
