"""The formats of scored files: a part as bytes, and the parts as one file."""

import csv
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InvalidInput
from core.safety.formulas import defuse_all

Columns = Mapping[str, Sequence[object]]


class Format(Protocol):
    """How rows are written."""

    def encode(self, columns: Columns) -> bytes:
        """Rows by column as a part."""

    def join(self, parts: Iterable[Path], names: Sequence[str], whole: Path) -> None:
        """The parts in their order as one file with these columns."""


class CsvFormat:
    """CSV by comma, one header; what a spreadsheet would run as a formula stands as text, and reads
    back as it was."""

    def encode(self, columns: Columns) -> bytes:
        """Rows by column as a part; a part has no header."""
        return _write_lines(zip(*map(defuse_all, columns.values()), strict=True))

    def join(self, parts: Iterable[Path], names: Sequence[str], whole: Path) -> None:
        """The parts in their order under one header."""
        _concatenate(_write_lines([defuse_all(names)]), parts, whole)


class JsonLinesFormat:
    """JSON, one object a line."""

    def encode(self, columns: Columns) -> bytes:
        """Rows by column as a part."""
        rows = zip(*columns.values(), strict=True)
        return msgspec.json.Encoder().encode_lines([dict(zip(columns, row)) for row in rows])  # noqa: B905 -- each row has all

    def join(self, parts: Iterable[Path], names: Sequence[str], whole: Path) -> None:
        """The parts in their order."""
        _concatenate(b"", parts, whole)


class ParquetFormat:
    """Parquet, a row group a part."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def encode(self, columns: Columns) -> bytes:
        """Rows by column as a part, a Parquet file of its own."""
        arrays = [
            pa.array(columns[field.name], field.type, from_pandas=True) for field in self._schema
        ]
        content = io.BytesIO()
        pq.write_table(pa.table(arrays, schema=self._schema), content)
        return content.getvalue()

    def join(self, parts: Iterable[Path], names: Sequence[str], whole: Path) -> None:
        """The parts in their order."""
        with pq.ParquetWriter(whole, self._schema) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))


SUFFIXES = (".csv", ".jsonl", ".parquet")
"""The endings that an output may have."""


def open_format(path: Path, out: Path, names: Sequence[str], added: Mapping[str, str]) -> Format:
    """How the output is written: by its ending, with the columns of the input and the `added` ones,
    each "number" or "text". Raises `InvalidInput` for another ending, and where the input has no
    fixed columns and the output needs them."""
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInput(f"'{out.name}' does not end in {', '.join(SUFFIXES)}: choose one.")
    if suffix == ".jsonl":
        return JsonLinesFormat()
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        raise InvalidInput(
            f"Rows of JSON need not have the same columns, as '{out.name}' would: let the output "
            "end in .jsonl."
        )
    if suffix == ".csv":
        return CsvFormat()
    return ParquetFormat(_build_schema(path, names, added))


def _build_schema(path: Path, names: Sequence[str], added: Mapping[str, str]) -> pa.Schema:
    """The input's own types where it has some, else text."""
    known = pq.read_schema(path) if path.suffix.lower() == ".parquet" else None
    fields = [
        pa.field(name, pa.string() if known is None else _plain(known.field(name).type))
        for name in names
    ]
    fields += [
        pa.field(name, pa.float64() if kind == "number" else pa.string())
        for name, kind in added.items()
    ]
    return pa.schema(fields)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of values as they were read: times to the microsecond, no dictionaries."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _write_lines(rows: Iterable[Sequence[object]]) -> bytes:
    kept = list(rows)
    text = _write(kept, csv.QUOTE_MINIMAL)
    if "\r" in text:  # bare, it would begin a row of its own
        text = _write(kept, csv.QUOTE_ALL)
    return text.encode()


def _write(rows: Iterable[Sequence[object]], quoting: Literal[0, 1]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    return text.getvalue()


def _concatenate(start: bytes, parts: Iterable[Path], whole: Path) -> None:
    with whole.open("wb") as file:
        file.write(start)
        for part in parts:
            with part.open("rb") as content:
                shutil.copyfileobj(content, file)
