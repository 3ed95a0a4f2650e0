"""The formats of scored files: rows encoded as parts, and parts joined to one file."""

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
    """The contract of an output format."""

    def encode(self, columns: Columns) -> bytes:
        """Return rows, given as columns, as the bytes of a part."""

    def join(self, parts: Iterable[Path], names: Sequence[str], whole: Path) -> None:
        """Write the parts, in order, as one file with these columns."""


class CsvFormat:
    """CSV with commas and one header. A cell that a spreadsheet would run as a formula is written
    as text, and an import reads the original value back."""

    def encode(self, columns: Columns) -> bytes:
        """Return rows, given as columns, as the bytes of a part without a header."""
        return _write_lines(zip(*map(defuse_all, columns.values()), strict=True))

    def join(self, parts: Iterable[Path], names: Sequence[str], whole: Path) -> None:
        """Write the header, then the parts in order."""
        _concatenate(_write_lines([defuse_all(names)]), parts, whole)


class JsonLinesFormat:
    """JSON Lines: one JSON object a line."""

    def encode(self, columns: Columns) -> bytes:
        """Return rows, given as columns, as the bytes of a part."""
        rows = zip(*columns.values(), strict=True)
        return msgspec.json.Encoder().encode_lines([dict(zip(columns, row)) for row in rows])  # noqa: B905 -- each row has all

    def join(self, parts: Iterable[Path], names: Sequence[str], whole: Path) -> None:
        """Write the parts in order."""
        _concatenate(b"", parts, whole)


class ParquetFormat:
    """Parquet, with one row group for each part."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def encode(self, columns: Columns) -> bytes:
        """Return rows, given as columns, as a Parquet file of their own."""
        arrays = [
            pa.array(columns[field.name], field.type, from_pandas=True) for field in self._schema
        ]
        content = io.BytesIO()
        pq.write_table(pa.table(arrays, schema=self._schema), content)
        return content.getvalue()

    def join(self, parts: Iterable[Path], names: Sequence[str], whole: Path) -> None:
        """Write the parts in order."""
        with pq.ParquetWriter(whole, self._schema) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))


SUFFIXES = (".csv", ".jsonl", ".parquet")
"""The suffixes that an output may have."""


def open_format(path: Path, out: Path, names: Sequence[str], added: Mapping[str, str]) -> Format:
    """Return the format of an output by its file name, with the columns of the input and the
    `added` ones, each "number" or "text". Raises `InvalidInput` for an unknown suffix, and if the
    output needs fixed columns and the input has none."""
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
    """Return the schema of the output, with the input's own types if it has any, else text."""
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
    """Return the type of values as they were read: times in microseconds, no dictionaries."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _write_lines(rows: Iterable[Sequence[object]]) -> bytes:
    kept = list(rows)
    text = _write(kept, csv.QUOTE_MINIMAL)
    if "\r" in text:  # without quotes it would begin a new row
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
