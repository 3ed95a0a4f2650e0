"""JSON in the shapes that programs write: rows are found in each, and are the same rows."""

import json
from pathlib import Path

import pandas as pd
import pytest

from core.data.parsing.documents import read_documents
from core.errors import InvalidInput

FRAME = pd.DataFrame(
    {"len": [1.5, 2.0, 3.0], "colour": ["red", "blue", None], "score": [10, 20, 30]}
)
COLUMNS = {"len": [1.5, 2.0, 3.0], "colour": ["red", "blue", None], "score": [10, 20, 30]}


def _read(write, text: str, name: str = "a.json") -> dict[str, list[object]]:
    (piece,) = read_documents(write(name, text)).read_pieces(100)
    assert not piece.rejections
    return {column: list(values) for column, values in piece.columns.items()}


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table"])
def test_every_orient_of_pandas_gives_the_same_columns(write, orient: str) -> None:
    columns = _read(write, FRAME.to_json(orient=orient))
    columns.pop("index", None)
    assert columns == COLUMNS


@pytest.mark.parametrize("orient", ["columns", "index"])
def test_keys_that_do_not_count_are_ids(write, orient: str) -> None:
    named = FRAME.set_axis(["x", "y", "z"])
    assert _read(write, named.to_json(orient=orient)) == {"id": ["x", "y", "z"], **COLUMNS}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows: {"rows": rows},
        lambda rows: {"results": rows},
        lambda rows: {"items": rows},
        lambda rows: {"records": rows, "next": None},
        lambda rows: {"count": 3, "next": None, "results": rows},
        lambda rows: {"version": 2, "config": {"a": 1}, "outputs": rows},
        lambda rows: {"response": {"items": rows}},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects_in_an_object_is_its_rows(write, wrap, indent: int | None) -> None:
    rows = FRAME.astype(object).where(FRAME.notna(), None).to_dict(orient="records")
    assert _read(write, json.dumps(wrap(rows), indent=indent)) == COLUMNS


def test_columns_as_lists_are_rows(write) -> None:
    assert _read(write, json.dumps(COLUMNS)) == COLUMNS


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"scores": {"quality": 3, "tone": 4}}, {"scores.quality": 3, "scores.tone": 4}),
        ({"features": {"s": {"a": 1}}, "y": 1}, {"y": 1, "s.a": 1}),
        ({"m": [{"name": "a", "value": 1}, {"name": "b", "value": 2}]}, {"m.a": 1, "m.b": 2}),
        ({"m": [{"key": "a", "score": 1}]}, {"m.a": 1}),
        ({"ratings": [3, 4, None]}, {"ratings.mean": 3.5}),
        ({"by": [{"rater": "ann", "score": 2}, {"rater": "bob", "score": 5}]}, {"by.mean": 3.5}),
        ({"tags": ["a", "b"]}, {"tags": ["a", "b"]}),
        ({"embedding": [0.1, 0.2]}, {"embedding": [0.1, 0.2]}),
        ({"deep": {"a": {"b": 1}}}, {"deep.a": {"b": 1}}),
    ],
)
def test_what_lies_inside_a_row_is_a_column_or_stays(write, row, columns) -> None:
    read = _read(write, json.dumps([row]))
    assert read == {name: [value] for name, value in columns.items()}


def test_a_list_of_judgements_is_said_to_be_read_as_its_mean(write) -> None:
    table = read_documents(write("a.jsonl", json.dumps({"ratings": [3, 4], "y": 1}) + "\n"))
    assert table.notes == (
        "Lists of judgements in 'ratings' are read as their mean, 'ratings.mean'.",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", '\ufeff{"a": 1}\n{"a": 2}\n'),
        ("a.jsonl", '{"a": 1,}\n{"a": 2,}\n'),
        ("a.jsonl", '[{"a": 1},\n{"a": 2}]'),
        ("a.jsonl", '{"a": 1}{"a": 2}'),
        ("a.jsonl", '{"a": 1}\r\n\r\n{"a": 2}'),
        ("a.json", '{"a": 1}\n{"a": 2}\n'),
        ("a.json", '[{"a": 1,}, {"a": 2,},]'),
        ("a.json", '{\n"a": 1\n}\n{\n"a": 2\n}'),
    ],
)
def test_json_that_is_nearly_right_is_read(write, name: str, text: str) -> None:
    assert _read(write, text, name) == {"a": [1, 2]}


def test_a_comma_inside_a_text_is_no_trailing_comma(write) -> None:
    assert _read(write, '{"a": "x,}", "b": [",]",],}\n{"a": ",\\"}"}', "a.jsonl") == {
        "a": ["x,}", ',"}'],
        "b": [[",]"], None],
    }


def test_a_number_of_thousands_of_digits_rejects_its_row(write) -> None:
    path = write("a.jsonl", '{"a": 1}\n{"a": ' + "9" * 5000 + '}\n{"a": 2}\n')
    (piece,) = read_documents(path).read_pieces(9)
    assert (piece.columns["a"], piece.rejections[0].row) == ([1, 2], 2)


def test_one_object_that_is_too_large_is_refused_with_the_line_that_mends_it(
    write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.data.parsing.documents._MAX_ROW", 1000)
    monkeypatch.setattr("core.data.parsing.text_lines._CHUNK_BYTES", 500)
    path: Path = write("a.json", json.dumps({"y": {str(n): n for n in range(999)}}, indent=1))
    with pytest.raises(InvalidInput, match=r"frame\.to_json\(path, orient='records', lines=True"):
        read_documents(path)
