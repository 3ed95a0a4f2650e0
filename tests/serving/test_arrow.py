"""Arrow bodies: what is read from a stream, and what of a wrong one is said to be wrong."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from core.serving.answer import Ask
from core.serving.arrow import encode_predictions, read_columns
from core.serving.columns import build_asks
from core.serving.schemas import BadBody
from tests.fakes import make_prediction

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def write(columns: Any, *, compression: str | None = None) -> bytes:
    """A table as a stream."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def read_asks(content: bytes) -> list[Ask]:
    """The rows of a stream, one by one."""
    return build_asks(read_columns(content))


def test_columns_are_features_and_what_stands_beside_them() -> None:
    first, second = read_asks(
        write(
            {
                "codeQuality": pa.array([82, None], pa.int32()),
                "coverage": pa.array([0.5, 0.25], pa.float32()),
                "language": pa.array(["python", None], pa.large_string()),
                "nothing": pa.nulls(2),
                "unit_id": ["repo-7", None],
                "text": [None, "x = 1"],
                "at": pa.array([NOON, None], pa.timestamp("s", "Europe/Berlin")),
            }
        )
    )
    assert first.features == {
        "codeQuality": 82.0,
        "coverage": 0.5,
        "language": "python",
        "nothing": None,
    }
    assert (first.unit_id, first.text, first.event_at) == ("repo-7", None, NOON)
    assert (second.features["codeQuality"], second.features["language"]) == (None, None)
    assert (second.unit_id, second.text, second.event_at) == (None, "x = 1", None)


def test_a_stream_of_several_batches_is_one_body() -> None:
    table = pa.concat_tables([pa.table({"a": [1.0, 2.0]}), pa.table({"a": [3.0]})])
    assert [ask.features["a"] for ask in read_asks(write(table))] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("columns", "field", "says"),
    [
        ({"a": [1.0, float("nan")]}, "rows[1].features.a", "NaN and Infinity are no values"),
        ({"a": [float("-inf")]}, "rows[0].features.a", "NaN and Infinity are no values"),
        ({"a": [True]}, "a", "of type bool"),
        ({"a": [[1.0]]}, "a", "of type list"),
        ({"a": ["x", "y" * 1_001]}, "rows[1].features.a", "0 to 1,000 characters"),
        ({"": [1.0]}, "", "name has 1 to 200 characters"),
        ({"a": [1.0], "unit_id": [7]}, "unit_id", "of type int64: send strings"),
        ({"a": [1.0], "unit_id": [""]}, "rows[0].unit_id", "1 to 200 characters"),
        ({"a": [1.0], "text": ["a\0b"]}, "rows[0].text", "U+0000"),
        ({"a": [1.0], "at": ["2026-03-02"]}, "at", "timestamps with a time zone"),
        (
            {"a": [1.0], "at": pa.array([0], pa.timestamp("us"))},
            "at",
            "timestamps with a time zone",
        ),
        (
            {"a": [1.0], "at": pa.array([2**62], pa.timestamp("us", "UTC"))},
            "rows[0].at",
            "The year is not from",
        ),
        ({"a": pa.array([], pa.float64())}, None, "0 rows: send 1 to 10,000"),
        ({"a": [1.0] * 10_001}, None, "10,001 rows: send 1 to 10,000"),
        (
            pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["a", "a"]),
            "a",
            "Two columns",
        ),
        ({"a": pa.array(["x"]).dictionary_encode()}, None, "dictionary-encoded"),
    ],
)
def test_what_is_wrong_is_named_with_its_row_and_column(
    columns: Any, field: str | None, says: str
) -> None:
    with pytest.raises(BadBody) as caught:
        read_asks(write(columns))
    assert caught.value.field == field
    assert says in str(caught.value)


GOOD = write({"a": [1.0] * 100, "b": ["word"] * 100})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The body is empty"),
        (b'{"rows": []}', "not an Arrow stream"),
        (b"\xff" * 100, "not an Arrow stream"),
        (GOOD[:60], "not an Arrow stream"),
        (GOOD[:-200], "not an Arrow stream"),
        (write({"a": [0.0] * 9_999}, compression="zstd"), "compressed"),
        (write({"a": [0.0] * 9_999}, compression="lz4"), "compressed"),
    ],
)
def test_what_is_no_plain_stream_is_refused_with_a_sentence(content: bytes, says: str) -> None:
    with pytest.raises(BadBody, match=says):
        read_asks(content)


def test_a_stream_that_was_altered_anywhere_is_read_or_refused() -> None:
    n_refused = 0
    for place in range(0, len(GOOD), 7):
        altered = bytearray(GOOD)
        altered[place] ^= 0x41
        try:
            read_asks(bytes(altered))
        except BadBody:
            n_refused += 1
    assert n_refused > 10


def test_predictions_are_columns_in_their_order() -> None:
    rows = [make_prediction("a"), make_prediction("b", score=None, reason="none")]
    table = pa.ipc.open_stream(encode_predictions(rows)).read_all()
    assert table.to_pylist() == [
        {
            "prediction_id": "a",
            "score": 71.5,
            "low": 66.0,
            "high": 77.0,
            "source": "model",
            "version": "v3",
            "variant": "champion",
            "latency_ms": 1.25,
            "reason": None,
        },
        {
            "prediction_id": "b",
            "score": None,
            "low": 66.0,
            "high": 77.0,
            "source": "model",
            "version": "v3",
            "variant": "champion",
            "latency_ms": 1.25,
            "reason": "none",
        },
    ]
