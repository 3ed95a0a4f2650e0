"""Batches as columns, and a decoder of plain JSON into columns that is several times as fast as row
by row."""

import json
import re
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np

from core.domain.prediction import Column
from core.domain.sample import FeatureValue
from core.serving.answer import Ask
from core.serving.json_paths import count_colons
from core.serving.schemas import (
    MAX_NAME,
    MAX_ROWS,
    BadBody,
    Id,
    Value,
    check_text,
    split_batch,
)

MIN_ROWS = 300
"""Batches of fewer rows are answered row by row."""

_MAX_FEATURES = 1_000
_FIRST_ROW = re.compile(rb'\s*\{\s*"rows"\s*:\s*\[\s*')
_FIRST_ROW_BYTES = 65_536  # the first row has to end within these
_WHOLE_BYTES = 393_216  # larger bodies are decoded in pieces: 3 ms in which nothing else runs
_STRICT: dict[str, Any] = {"forbid_unknown_fields": True, "frozen": True, "gc": False}
_json = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class AskedColumns:
    """Rows to score, by columns; `unit_ids` is None if no row names a unit."""

    n_rows: int
    features: Mapping[str, Column]
    unit_ids: Sequence[str | None] | None = None


def build_asks(asked: AskedColumns) -> list[Ask]:
    """Return the rows of the columns, one `Ask` each.

    >>> build_asks(AskedColumns(2, {"a": [1.0, None]}, unit_ids=["repo-7", None]))[0].unit_id
    'repo-7'
    """
    rows = zip(*asked.features.values(), strict=True)
    return [
        Ask(dict(zip(asked.features, row, strict=True)), unit_id=unit_id)
        for row, unit_id in zip(rows, asked.unit_ids or [None] * asked.n_rows, strict=True)
    ]


def pack_column(values: Sequence[FeatureValue]) -> Column:
    """Return the values of a feature as an array of doubles if all are numbers, else as a list.

    >>> pack_column([1.0, 2.0]), pack_column([1.0, None])
    (array('d', [1.0, 2.0]), [1.0, None])
    """
    try:
        return array("d", values)  # type: ignore[type-var]  # raises for all but numbers
    except TypeError:
        return list(values)


def read_json_columns(content: bytes) -> AskedColumns | None:
    """Return the columns of a large JSON body if it is plain: each row has the features of the
    first and nothing else but a unit. None for every other body, which has to be read row by row,
    since only that way knows all that is allowed and names the wrong field.

    >>> row = b'{"features": {"a": 1, "lang": "go"}}'
    >>> asked = read_json_columns(b'{"rows": [' + b", ".join([row] * 300) + b"]}")
    >>> asked.n_rows, asked.features["a"][:2], asked.features["lang"][:2], asked.unit_ids
    (300, array('d', [1.0, 1.0]), ['go', 'go'], None)
    """
    names = _find_names(content)
    if names is None or len(content) < MIN_ROWS * _count_least_bytes(names):
        return None
    try:
        rows = _decode_rows(names, content)
        unit_ids = [row.unit_id for row in rows]
        for unit_id in set(unit_ids):
            check_text(unit_id, "unit_id")
    except (msgspec.MsgspecError, ValueError, RecursionError, BadBody):
        return None
    if len(rows) < MIN_ROWS:
        return None
    values = [msgspec.structs.astuple(row.features) for row in rows]
    asked = AskedColumns(
        n_rows=len(rows),
        features=dict(zip(names, _turn(values), strict=True)),
        unit_ids=None if unit_ids.count(None) == len(rows) else unit_ids,
    )
    return asked if count_colons(content) == _count_least_colons(asked) else None


def _decode_rows(names: tuple[str, ...], content: bytes) -> list[Any]:
    """Return the decoded rows of a plain body. A large body is decoded in pieces, so that other
    threads run in between."""
    decoder = _build_decoder(names)
    if len(content) <= _WHOLE_BYTES:
        whole: list[Any] = decoder.decode(content).rows
        return whole
    rows = split_batch(content)
    n_together = max(1, _WHOLE_BYTES * len(rows) // len(content))
    found: list[Any] = []
    for start in range(0, len(rows), n_together):
        part = b",".join(rows[start : start + n_together])
        found += decoder.decode(b'{"rows":[' + part + b"]}").rows
    return found


def _turn(rows: Sequence[Sequence[FeatureValue]]) -> Iterator[Column]:
    """Return the columns of rows; if all values are numbers, by one transposition."""
    pack = struct.Struct(f"{len(rows[0])}d").pack
    try:
        numbers = np.frombuffer(b"".join([pack(*row) for row in rows]))
    except struct.error:
        return map(pack_column, zip(*rows, strict=True))
    by_column = np.ascontiguousarray(numbers.reshape(len(rows), -1).T)
    return (array("d", column.tobytes()) for column in by_column)


def _count_least_colons(asked: AskedColumns) -> int:
    """The colons of a body in which no name comes twice."""
    n_names = 1 + len(asked.features) + sum(name.count(":") for name in asked.features)
    columns = [column for column in asked.features.values() if not isinstance(column, array)]
    texts = [value for column in (*columns, asked.unit_ids or ()) for value in column]
    n_units = sum(unit_id is not None for unit_id in asked.unit_ids or ())
    n_in_texts = sum(text.count(":") for text in texts if isinstance(text, str))
    return 1 + asked.n_rows * n_names + n_units + n_in_texts


def _count_least_bytes(names: Sequence[str]) -> int:
    """Return the smallest number of bytes that a row with these features can have."""
    return len('{"features":{}}') + sum(len(name) + len('"":0,') for name in names)


def _find_names(content: bytes) -> tuple[str, ...] | None:
    """Return the feature names of the first row; None if it is not plain."""
    found = _FIRST_ROW.match(content)
    if found is None:
        return None
    start = content[found.end() : found.end() + _FIRST_ROW_BYTES].decode(errors="replace")
    try:
        row, _ = _json.raw_decode(start)
    except (ValueError, RecursionError):
        return None
    features = row.get("features") if isinstance(row, dict) else None
    if not isinstance(features, dict) or not 1 <= len(features) <= _MAX_FEATURES:
        return None
    return tuple(features) if all(1 <= len(name) <= MAX_NAME for name in features) else None


@lru_cache(maxsize=64)
def _build_decoder(names: tuple[str, ...]) -> "msgspec.json.Decoder[Any]":
    """Build a decoder of bodies whose rows all have these features, by the rules of
    `PredictBatchBody`. Raises `ValueError` for a name that cannot be a field."""
    places = {f"x{place}": name for place, name in enumerate(names)}
    features = msgspec.defstruct(
        "Features", [(place, Value) for place in places], rename=places, **_STRICT
    )
    row = msgspec.defstruct(
        "Row", [("features", features), ("unit_id", Id | None, None)], **_STRICT
    )
    rows = Annotated[list[row], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]  # type: ignore[valid-type]
    return msgspec.json.Decoder(msgspec.defstruct("Body", [("rows", rows)], **_STRICT))
