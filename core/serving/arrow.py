"""Arrow bodies: a stream of columns to the rows to score, and predictions to a stream."""

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from struct import unpack_from
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data.parsing.cell_parser import FIRST_YEAR, LAST_YEAR
from core.domain.prediction import AnswerSource, Batch, Column, Prediction, Variant
from core.domain.sample import FeatureValue
from core.domain.version import version_name
from core.serving.columns import AskedColumns
from core.serving.schemas import MAX_NAME, MAX_ROWS, MAX_WORD, BadBody, check_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBERS = pa.float64()
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


def read_columns(content: bytes) -> AskedColumns:
    """The rows of an Arrow IPC stream: one column a feature, of numbers or of strings, and beside
    them `unit_id`, `text` (strings) and `at` (timestamps with a time zone) where they are there;
    null is missing. Raises `BadBody` with the row and the column that is wrong.

    >>> sink = pa.BufferOutputStream()
    >>> table = pa.table({"codeQuality": [82, None], "unit_id": ["repo-7", None]})
    >>> with pa.ipc.new_stream(sink, table.schema) as stream:
    ...     stream.write_table(table)
    >>> asked = read_columns(sink.getvalue().to_pybytes())
    >>> asked.features, asked.unit_ids, asked.texts
    ({'codeQuality': [82.0, None]}, ['repo-7', None], None)
    """
    table = _read_table(content)
    columns = dict(zip(table.column_names, table.itercolumns(), strict=True))
    beside = {
        name: read(name, columns.pop(name)) if name in columns else None
        for name, read in _BESIDE.items()
    }
    return AskedColumns(
        n_rows=table.num_rows,
        features={name: _read_feature(name, column) for name, column in columns.items()},
        unit_ids=beside["unit_id"],
        texts=beside["text"],
        event_ats=beside["at"],
    )


def encode_batch(batch: Batch) -> bytes:
    """The answers of a batch as an Arrow IPC stream; see `encode_predictions`."""
    n_rows = batch.n_rows
    nothing = pa.nulls(n_rows, pa.float64())
    return _encode(
        [
            _list_ids(batch),
            _wrap(batch.scores),
            nothing if batch.lows is None else _wrap(batch.lows),
            nothing if batch.highs is None else _wrap(batch.highs),
            pa.repeat(AnswerSource.MODEL.value, n_rows),
            pa.repeat(version_name(batch.version), n_rows),
            pa.repeat(Variant.CHAMPION.value, n_rows),
            pa.repeat(batch.latency_ms, n_rows),
            pa.nulls(n_rows, pa.string()),
        ]
    )


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
    return _encode(columns)


def _encode(columns: Sequence[Any]) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _ANSWER) as stream:
        stream.write_batch(pa.record_batch(columns, schema=_ANSWER))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def _list_ids(batch: Batch) -> Any:
    """The ids of a batch; every one has as many characters."""
    n_rows, ids = batch.n_rows, "".join(batch.ids).encode()
    ends = np.arange(n_rows + 1, dtype=np.int32) * (len(ids) // n_rows)
    return pa.Array.from_buffers(pa.string(), n_rows, [None, pa.py_buffer(ends), pa.py_buffer(ids)])


def _wrap(numbers: "array[float]") -> Any:
    return pa.Array.from_buffers(pa.float64(), len(numbers), [None, pa.py_buffer(numbers)])


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


def _read_feature(name: str, column: Any) -> Column:
    kind = column.type
    if kind == _NUMBERS:
        return _read_numbers(name, column)
    if pa.types.is_null(kind):
        return [None] * len(column)
    if _is_text(kind):
        _check_lengths(f"features.{name}", column, 0, MAX_WORD)
        return list(column.to_pylist())
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise BadBody(name, f"The column is of type {kind}: send numbers or strings.")
    return _read_numbers(name, column.cast(_NUMBERS, safe=False))


def _read_numbers(name: str, column: Any) -> Column:
    if column.null_count == 0:
        numbers = column.to_numpy()
        if np.isfinite(numbers).all():
            return array("d", numbers.tobytes())
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
