"""Batches by columns: read so only where reading row by row would say the same."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from core.serving import columns
from core.serving.columns import MIN_ROWS, build_asks, read_json_columns
from core.serving.schemas import BadBody, PredictBatchBody, build_ask, decode_body

ROWS = msgspec.json.Decoder(PredictBatchBody)

Row = dict[str, Any]
Change = Callable[[list[Row]], object]


def make_rows(n: int = MIN_ROWS) -> list[Row]:
    """Plain rows that differ."""
    return [
        {
            "features": {
                "codeQuality": place,
                "größe": -1.5e-3 * place,
                "language": ["go", "", None][place % 3],
                "security": None if place % 7 else 2**53 + place,
            }
        }
        for place in range(n)
    ]


def encode(rows: list[Row]) -> bytes:
    return json.dumps({"rows": rows}).encode()


def test_plain_rows_are_read_as_one_by_one() -> None:
    content = encode(make_rows())
    asked = read_json_columns(content)
    assert asked is not None
    expected = [build_ask(row) for row in decode_body(ROWS, content).rows]
    assert build_asks(asked) == expected
    assert (asked.n_rows, asked.unit_ids) == (MIN_ROWS, None)
    assert asked.features["codeQuality"][7] == 7.0


def test_a_large_body_is_read_in_parts_to_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter runs nothing else while msgspec decodes."""
    rows = make_rows(9_999)
    rows[3]["unit_id"] = rows[9_998]["unit_id"] = "repo-7"
    content = encode(rows)
    build, pieces = columns._build_decoder, []

    class Recorder:
        def __init__(self, names: tuple[str, ...]) -> None:
            self._decoder = build(names)

        def decode(self, part: bytes) -> Any:
            pieces.append(len(part))
            return self._decoder.decode(part)

    monkeypatch.setattr(columns, "_build_decoder", Recorder)
    asked = read_json_columns(content)
    assert asked is not None
    assert build_asks(asked) == [build_ask(row) for row in decode_body(ROWS, content).rows]
    assert max(pieces) < 500_000 < len(content)


def test_units_are_read_beside_the_features() -> None:
    rows = make_rows()
    rows[3]["unit_id"] = "repo-7"
    asked = read_json_columns(encode(rows))
    assert asked is not None
    assert build_asks(asked) == [build_ask(row) for row in decode_body(ROWS, encode(rows)).rows]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.pop(),  # too few
        lambda rows: rows[9].update(text="x = 1"),
        lambda rows: rows[9].update(at="2026-03-02T12:00:00Z"),
        lambda rows: rows[9]["features"].pop("security"),
        lambda rows: rows[9]["features"].update(more=1),
        lambda rows: [row["features"].clear() for row in rows],
        lambda rows: rows.extend(make_rows(9_800)),  # too many: a refusal
        lambda rows: rows[9].update(unit_id=""),  # and all that follow
        lambda rows: rows[9].update(unit_id="a\0b"),
        lambda rows: rows[9].update(unit_id=7),
        lambda rows: rows[9].update(colour=1),
        lambda rows: rows[9].pop("features"),
        lambda rows: rows[9]["features"].update(codeQuality=True),
        lambda rows: rows[9]["features"].update(codeQuality=float("nan")),
        lambda rows: rows[9]["features"].update(codeQuality=10**400),
        lambda rows: rows[9]["features"].update(codeQuality=[1]),
        lambda rows: rows[9]["features"].update(language="x" * 1_001),
        lambda rows: [row["features"].update({"y" * 201: 1}) for row in rows],
        lambda rows: [row["features"].update({"": 1}) for row in rows],
        lambda rows: rows.insert(0, 7),
    ],
)
def test_what_is_not_plain_is_left_to_the_rows(change: Change) -> None:
    rows = make_rows()
    change(rows)
    assert read_json_columns(encode(rows)) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"features"' * MIN_ROWS,
        b'{"rows": [' + b'{"features"' * 100_000,
        encode(make_rows())[:-1],
        encode(make_rows()) + b"x",
        encode(make_rows()).replace(b'"rows"', b'"row"'),
        encode(make_rows()).replace(b"gr", b"\xff"),
        encode(make_rows()).replace(b"codeQuality", b"code\\ud800"),
    ],
)
def test_what_is_no_such_body_is_left_to_the_rows(content: bytes) -> None:
    assert read_json_columns(content) is None
    with pytest.raises(BadBody):
        decode_body(ROWS, content)


def test_names_that_json_has_to_escape_are_read_right_or_left_to_the_rows() -> None:
    rows: list[Row] = [{"features": {'a"b\\c\n': 1.0, "x0": 2.0, "x1": 3.0}}] * MIN_ROWS
    asked = read_json_columns(encode(rows))
    assert asked is None or build_asks(asked)[0].features == rows[0]["features"]
    rows = [{"features": {"x1": 2.0, "x0": 3.0}}] * MIN_ROWS
    asked = read_json_columns(encode(rows))
    assert asked is not None
    assert build_asks(asked)[0].features == {"x1": 2.0, "x0": 3.0}
