"""JSON: three shapes, read one object at a time; a bad object is named, broken JSON refused."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.parsing import text_lines
from core.data.parsing.documents import read_documents
from core.data.parsing.json_shapes import flatten_row
from core.data.parsing.notation import BadValue
from core.data.parsing.raw import RawPiece
from core.errors import InvalidInput

ROWS = [{"target": 1, "a": 2.5}, {"target": 0, "a": None}, {"target": 3, "b": "x"}]


def _read(path: Path, n: int = 100) -> list[RawPiece]:
    return list(read_documents(path).read_pieces(n))


def _refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        _read(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        json.dumps({"rows": ROWS}),
        json.dumps({"n": 3, "rows": ROWS}),
        json.dumps({"n": 3, "samples": ROWS}, indent=1),
        "\n".join(map(json.dumps, ROWS)),
        "\n\n".join(map(json.dumps, ROWS)) + "\n",
        "\n".join(json.dumps(row, indent=2) for row in ROWS),
        "\ufeff" + json.dumps(ROWS),
        "  \n" + json.dumps(ROWS),
    ],
)
def test_the_same_rows_come_out_of_every_shape(write, text: str) -> None:
    (piece,) = _read(write("a.json", text))
    assert list(piece.rows) == [1, 2, 3]
    assert dict(piece.columns) == {
        "target": [1, 0, 3],
        "a": [2.5, None, None],
        "b": [None, None, "x"],
    }
    assert piece.rejections == ()


def test_a_sample_is_flattened_and_its_metadata_kept_apart() -> None:
    sample = {
        "timestamp": "2026-01-01",
        "features": {"codeQuality": 80},
        "target": 70,
        "csat": 0.9,
        "text": "x",
        "metadata": {"source": "ci", "repository": "core"},
    }
    assert flatten_row(sample) == {
        "timestamp": "2026-01-01",
        "target": 70,
        "csat": 0.9,
        "text": "x",
        "codeQuality": 80,
        "metadata.source": "ci",
        "metadata.repository": "core",
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (5, "is not an object with a target and features"),
        ([1], "is not an object"),
        ({"features": [1, 2], "target": 3}, "its features are not an object"),
        ({"features": {"target": 1}, "target": 3}, "it names 'target' twice"),
    ],
)
def test_what_is_no_sample_is_refused(row: object, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        flatten_row(row)


def test_an_object_that_names_a_key_twice_is_rejected_by_name(write) -> None:
    (piece,) = _read(write("a.json", '[{"a": 1, "a": 2}, {"features": {"b": 1, "b": 2}}]'))
    assert [r.message for r in piece.rejections] == ["it names 'a' twice", "it names 'b' twice"]


def test_a_bad_line_is_rejected_and_the_next_is_read(write) -> None:
    (piece,) = _read(write("a.jsonl", '{"target": 1}\n{"target": \n{"target": 3}\n'))
    assert list(piece.rows) == [1, 3]
    assert piece.rejections[0].row == 2
    assert "is not valid JSON" in piece.rejections[0].message


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('[{"target": 1},\n{"target" 2}]', 2, "Expecting ':' delimiter"),
        ('[{"target": 1}\n\n{"target": 2}]', 3, "a comma or the array's closing bracket"),
        ('[{"target": 1},\n {"target": 2}', 2, "a comma or the array's closing bracket"),
        ('[{"target": 1}, {"target', 1, "Unterminated string"),
    ],
)
def test_a_broken_array_is_refused_with_the_line(write, text: str, line: int, what: str) -> None:
    message = _refusal(write("a.json", text))
    assert f"'a.json' is not valid JSON near line {line} ({what}" in message
    assert "nothing was imported" in message


def test_text_that_is_no_json_is_refused(write) -> None:
    assert "'a.json' does not look like JSON: an array" in (_refusal(write("a.json", "a,b\n1,2\n")))


def test_blanks_only_are_refused(write) -> None:
    assert "nothing but blanks" in _refusal(write("a.json", " \n \n"))


def test_another_encoding_is_read_with_a_note(write) -> None:
    table = read_documents(write("a.json", b'[{"target": 1},\n{"target": 2, "note": "caf\xe9"}]'))
    (piece,) = table.read_pieces(9)
    assert piece.columns["note"] == [None, "café"]
    assert table.notes == (
        "The file is not UTF-8: it is read as Windows-1252. Look at its accents.",
    )


def test_an_empty_array_has_no_pieces(write) -> None:
    assert _read(write("a.json", "[]")) == []
    assert _read(write("b.json", '{"rows": []}')) == []


def test_an_object_nested_beyond_reason_is_refused_and_crashes_nothing(write) -> None:
    deep = '{"a": ' * 200_000
    assert "is not valid JSON" in _refusal(write("a.json", "[" + deep))
    (piece,) = _read(write("a.jsonl", '{"target": 1}\n' + deep + "\n"))
    assert "nested too deeply" in piece.rejections[0].message


def test_rows_are_read_across_the_ends_of_chunks(write, monkeypatch) -> None:
    monkeypatch.setattr(text_lines, "_CHUNK_BYTES", 7)
    rows = [{"target": i, "note": "é" * (i % 5)} for i in range(30)]
    (piece,) = _read(write("a.json", json.dumps(rows, ensure_ascii=False)))
    assert piece.columns["target"] == list(range(30))
    assert piece.columns["note"] == [row["note"] for row in rows]


def test_an_error_far_into_a_file_names_its_line(write, monkeypatch) -> None:
    monkeypatch.setattr(text_lines, "_CHUNK_BYTES", 64)
    lines = [f'{{"target": {i}}},' for i in range(200)]
    lines[150] = '{"target": oops},'
    message = _refusal(write("a.json", "[" + "\n".join(lines) + '{"target": 1}]'))
    assert "near line 151 (Expecting value)" in message


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.dictionaries(st.sampled_from("abcd"), _JSON, min_size=1), min_size=1, max_size=5),
    st.sampled_from(["array", "lines"]),
)
def test_what_json_wrote_is_read_again(write, rows: list[dict[str, object]], shape: str) -> None:
    rows = rows * 2  # an object that is alone may hold rows
    text = json.dumps(rows) if shape == "array" else "\n".join(map(json.dumps, rows))
    pieces = _read(write("a.json", text))
    read = [
        {name: values[place] for name, values in piece.columns.items()}
        for piece in pieces
        for place in range(len(piece.rows))
    ]
    assert [{k: v for k, v in row.items() if v is not None} for row in read] == [
        {k: v for k, v in flatten_row(row).items() if v is not None} for row in rows
    ]
