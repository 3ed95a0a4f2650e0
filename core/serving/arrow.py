"""Arrow bodies: a stream of columns to the rows to score, and predictions to a stream."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from struct import unpack_from
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data.values import FIRST_YEAR, LAST_YEAR
from core.domain.prediction import Prediction
from core.domain.sample import FeatureValue
from core.domain.version import version_name
from core.serving.answer import Ask
from core.serving.bodies import MAX_NAME, MAX_ROWS, MAX_WORD, BadBody, check_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_ANSWER = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("score", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("source", pa.string()),
        ("version", pa.string()),
        ("variant", pa.string()),
        ("latency_ms", pa.float64()),
        ("reason", pa.string()),
    ]
)

# The tables Message and RecordBatch of Arrow's Message.fbs, by the numbers of their fields.
_HEADER, _COMPRESSION = 2, 3


def read_asks(content: bytes) -> list[Ask]:
    """The rows of an Arrow IPC stream: one column a feature, of numbers or of strings, and beside
    them `unit_id`, `text` (strings) and `at` (timestamps with a time zone) where they are there;
    null is missing. Raises `BadBody` with the row and the column that is wrong.

    >>> sink = pa.BufferOutputStream()
    >>> table = pa.table({"codeQuality": [82, None], "unit_id": ["repo-7", None]})
    >>> with pa.ipc.new_stream(sink, table.schema) as stream:
    ...     stream.write_table(table)
    >>> [(ask.features, ask.unit_id) for ask in read_asks(sink.getvalue().to_pybytes())]
    [({'codeQuality': 82.0}, 'repo-7'), ({'codeQuality': None}, None)]
    """
    table = _read_table(content)
    beside = {
        name: read(name, table.column(name)) if name in table.column_names else _none(table)
        for name, read in _BESIDE.items()
    }
    names = [name for name in table.column_names if name not in _BESIDE]
    columns = [_read_feature(name, table.column(name)) for name in names]
    rows = zip(*columns, strict=True) if columns else [()] * table.num_rows
    return [
        Ask(dict(zip(names, row, strict=True)), text, unit_id, at)
        for row, text, unit_id, at in zip(
            rows, beside["text"], beside["unit_id"], beside["at"], strict=True
        )
    ]


def encode_predictions(predictions: Sequence[Prediction]) -> bytes:
    """The answers that logged predictions give as an Arrow IPC stream, in their order; the columns
    are the keys of the answer in JSON."""
    columns: list[list[Any]] = [
        [row.id for row in predictions],
        [row.score for row in predictions],
        [row.low for row in predictions],
        [row.high for row in predictions],
        [row.source.value for row in predictions],
        [version_name(row.version) for row in predictions],
        [row.variant.value for row in predictions],
        [row.latency_ms for row in predictions],
        [row.reason for row in predictions],
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _ANSWER) as stream:
        stream.write_batch(pa.record_batch(columns, schema=_ANSWER))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def _read_table(content: bytes) -> Any:
    if not content:
        raise BadBody(None, "The body is empty: send an Arrow stream.")
    try:
        _check_plain(content)
        table = pa.ipc.open_stream(content).read_all()
        _check_size(table)
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        lines = str(error).splitlines() or ["it ends early"]
        what = lines[0].rstrip(".")
        raise BadBody(None, f"The body is not an Arrow stream that can be read: {what}.") from None
    return table


def _check_plain(content: bytes) -> None:
    """Refuse what unfolds to more than it is, so that the limit of the body is one of memory."""
    for message in pa.ipc.MessageReader.open_stream(content):
        if message.type == "dictionary":
            raise BadBody(None, "A column is dictionary-encoded: send its values themselves.")
        if message.type == "record batch" and _is_compressed(message.metadata):
            raise BadBody(None, "The stream is compressed: write it without compression.")


def _is_compressed(metadata: Any) -> bool:
    view = memoryview(metadata)
    [root] = unpack_from("<I", view, 0)
    place = root + _find_field(view, root, _HEADER)
    [offset] = unpack_from("<I", view, place)
    return _find_field(view, place + offset, _COMPRESSION) != 0


def _find_field(view: memoryview, table: int, number: int) -> int:
    """Where a field of a FlatBuffers table begins, from the table's own place; 0 where absent."""
    [back] = unpack_from("<i", view, table)
    size, entry = unpack_from("<H", view, table - back)[0], 4 + 2 * number
    return int(unpack_from("<H", view, table - back + entry)[0]) if entry < size else 0


def _check_size(table: Any) -> None:
    names = table.column_names
    if not 1 <= table.num_rows <= MAX_ROWS:
        raise BadBody(None, f"It has {table.num_rows:,} rows: send 1 to {MAX_ROWS:,} at a time.")
    for name in names:
        if not 1 <= len(name) <= MAX_NAME:
            raise BadBody(name[:MAX_NAME], f"A feature's name has 1 to {MAX_NAME} characters.")
    if len(set(names)) < len(names):
        [(twice, _)] = Counter(names).most_common(1)
        raise BadBody(twice, "Two columns have this name: leave one out.")


def _none(table: Any) -> list[None]:
    return [None] * table.num_rows


def _read_feature(name: str, column: Any) -> list[FeatureValue]:
    kind = column.type
    if pa.types.is_null(kind):
        return [None] * len(column)
    if _is_text(kind):
        _check_lengths(f"features.{name}", column, 0, MAX_WORD)
        return list(column.to_pylist())
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise BadBody(name, f"The column is of type {kind}: send numbers or strings.")
    column = column.cast(pa.float64(), safe=False)
    wrong = pc.invert(pc.is_finite(column))
    _check_none(
        wrong, f"features.{name}", "NaN and Infinity are no values: send null or leave it out."
    )
    values: list[FeatureValue] = column.to_pylist()
    return values


def _read_texts(name: str, column: Any) -> list[Any]:
    if pa.types.is_null(column.type):
        return [None] * len(column)
    if not _is_text(column.type):
        raise BadBody(name, f"The column is of type {column.type}: send strings.")
    values = column.to_pylist()
    for i, value in enumerate(values):
        check_text(value, f"rows[{i}].{name}")
    return list(values)


def _read_units(name: str, column: Any) -> list[Any]:
    values = _read_texts(name, column)
    if column.null_count < len(column):
        _check_lengths(name, column, 1, MAX_NAME)
    return values


def _read_moments(name: str, column: Any) -> list[Any]:
    kind = column.type
    if pa.types.is_null(kind):
        return [None] * len(column)
    if not pa.types.is_timestamp(kind) or kind.tz is None:
        raise BadBody(
            name, f"The column is of type {kind}: send timestamps with a time zone, such as UTC."
        )
    micros = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
    wrong = pc.or_(pc.less(micros, _FIRST), pc.greater_equal(micros, _LAST))
    _check_none(wrong, name, f"The year is not from {FIRST_YEAR} to {LAST_YEAR}.")
    return [
        None if value is None else _EPOCH + value * _MICROSECOND for value in micros.to_pylist()
    ]


def _check_lengths(field: str, column: Any, shortest: int, longest: int) -> None:
    lengths = pc.utf8_length(column)
    wrong = pc.or_(pc.less(lengths, shortest), pc.greater(lengths, longest))
    _check_none(wrong, field, f"It has {shortest} to {longest:,} characters.")


def _check_none(wrong: Any, field: str, message: str) -> None:
    """Raise `BadBody` for the first row in which a column is wrong."""
    places = np.flatnonzero(wrong.fill_null(False).to_numpy())
    if len(places):
        raise BadBody(f"rows[{places[0]}].{field}", message)


def _is_text(kind: Any) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


_BESIDE: dict[str, Callable[[str, Any], list[Any]]] = {
    "text": _read_texts,
    "unit_id": _read_units,
    "at": _read_moments,
}
