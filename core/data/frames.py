"""Samples as an Arrow table: RESERVED columns, then one column a feature; and its content hash."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data.parsing.cell_parser import as_text
from core.domain.dataset import (
    AT,
    EXTERNAL_ID,
    GROUP,
    KEY,
    LABELLED_AT,
    PROVENANCE,
    RESERVED,
    SOURCE,
    TARGET,
    TEXT,
)
from core.domain.sample import FeatureValue, Provenance, Sample

_WORDS = pa.large_string()
_TYPES = {
    KEY: _WORDS,
    AT: pa.timestamp("us", tz="UTC"),
    TARGET: pa.float64(),
    TEXT: _WORDS,
    GROUP: _WORDS,
    EXTERNAL_ID: _WORDS,
    SOURCE: _WORDS,
    PROVENANCE: _WORDS,
    LABELLED_AT: pa.timestamp("us", tz="UTC"),
}


def build_table(
    pieces: Iterable[Sequence[tuple[str, Sample]]], *, keep_empty: bool = False
) -> pa.Table:
    """Return all rows by time, then key; features by name, without the empty ones unless
    `keep_empty`.

    A feature is a column of numbers (missing is null) where every value is one, else of words.
    `.to_pandas()` gives float64, str and datetime64[us, UTC] columns."""
    fixed: dict[str, list[pa.Array]] = {name: [] for name in RESERVED}
    features: dict[str, list[tuple[int, pa.Array]]] = {}
    n_rows = 0
    for piece in pieces:
        if not piece:
            continue
        samples = [sample for _, sample in piece]
        for name, values in _fixed_columns(piece, samples).items():
            fixed[name].append(pa.array(values, _TYPES[name]))
        for name in dict.fromkeys(chain.from_iterable(sample.features for sample in samples)):
            column = _feature_column([sample.features.get(name) for sample in samples])
            features.setdefault(name, []).append((n_rows, column))
        n_rows += len(piece)
    columns = {name: pa.chunked_array(chunks, _TYPES[name]) for name, chunks in fixed.items()}
    for name in sorted(features):
        column = _join(features[name], n_rows)
        if keep_empty or column.null_count < n_rows:
            columns[name] = column
    return pa.table(columns).sort_by([(AT, "ascending"), (KEY, "ascending")]).combine_chunks()


def list_features(table: pa.Table) -> tuple[str, ...]:
    """Return the feature columns of a table, in its order."""
    return tuple(name for name in table.column_names if name not in RESERVED)


def hash_rows(table: pa.Table) -> str:
    """Return a SHA-256 of the rows' content, in hex: the same for the same rows in any order and
    from any source, but not for synthetic and real ones."""
    ordered = table.sort_by([(AT, "ascending"), (KEY, "ascending")])
    digest = hashlib.sha256(f"rows {ordered.num_rows}".encode())
    late = [LABELLED_AT] if _has_label_times(ordered) else []  # snapshots of before have none
    for name in (KEY, AT, TARGET, TEXT, GROUP, EXTERNAL_ID, *late, *sorted(list_features(table))):
        column = ordered.column(name)
        digest.update(
            f"\0{name}\0{'words' if pa.types.is_large_string(column.type) else 'n'}\0".encode()
        )
        for part in _bytes_of(column):
            digest.update(part)
    synthetic = pc.equal(ordered.column(PROVENANCE), Provenance.SYNTHETIC.value)
    digest.update(synthetic.to_numpy(zero_copy_only=False).astype("u1").tobytes())
    return digest.hexdigest()


def _has_label_times(table: pa.Table) -> bool:
    names = table.column_names
    return LABELLED_AT in names and table.column(LABELLED_AT).null_count < table.num_rows


def _fixed_columns(
    piece: Sequence[tuple[str, Sample]], samples: Sequence[Sample]
) -> dict[str, list[object]]:
    return {
        KEY: [key for key, _ in piece],
        AT: [sample.at for sample in samples],
        TARGET: [sample.target for sample in samples],
        TEXT: [sample.text for sample in samples],
        GROUP: [sample.group for sample in samples],
        EXTERNAL_ID: [sample.external_id for sample in samples],
        SOURCE: [sample.source for sample in samples],
        PROVENANCE: [sample.provenance.value for sample in samples],
        LABELLED_AT: [sample.labelled_at for sample in samples],
    }


def _feature_column(values: list[FeatureValue]) -> pa.Array:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {str}:
        return pa.array(values, _WORDS)
    if str in kinds:
        return pa.array([v if isinstance(v, str) else as_text(v) for v in values], _WORDS)
    return pa.array(values, pa.float64())


def _join(chunks: list[tuple[int, pa.Array]], n_rows: int) -> pa.ChunkedArray:
    """Join the chunks of a feature at their places, with nulls between them, as one type."""
    words = any(pa.types.is_large_string(chunk.type) for _, chunk in chunks)
    kind = _WORDS if words else pa.float64()
    parts, end = [], 0
    for start, chunk in chunks:
        parts.append(pa.nulls(start - end, kind))
        if words and pa.types.is_float64(chunk.type):
            chunk = pa.array([as_text(value) for value in chunk.to_pylist()], kind)
        parts.append(chunk.cast(kind))
        end = start + len(chunk)
    parts.append(pa.nulls(n_rows - end, kind))
    return pa.chunked_array(parts, kind)


def _bytes_of(column: pa.ChunkedArray) -> list[bytes | memoryview]:
    """Return the same bytes for the same values, regardless of their layout in Arrow."""
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.int64()).fill_null(np.iinfo("i8").min)
        return [micros.to_numpy().astype("<i8").tobytes()]
    if pa.types.is_float64(column.type):
        numbers = column.to_numpy() + 0.0  # null is NaN, and there is no negative zero
        numbers[np.isnan(numbers)] = np.nan
        return [numbers.astype("<f8").tobytes()]
    lengths = pc.fill_null(pc.binary_length(column), -1).to_numpy().astype("<i8").tobytes()
    words = pa.concat_arrays(column.fill_null("").chunks or [pa.array([], _WORDS)])
    offsets = np.frombuffer(words.buffers()[1], dtype="<i8")[words.offset :][: len(words) + 1]
    data = words.buffers()[2]
    if data is None or not len(words):
        return [lengths]
    return [lengths, memoryview(data)[offsets[0] : offsets[-1]]]
