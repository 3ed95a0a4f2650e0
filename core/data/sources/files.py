"""Files: their formats, and their rows as samples, a piece at a time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.data.parsing.column_types import ColumnScan, find_notations
from core.data.parsing.copies import CopyCounter
from core.data.parsing.documents import read_documents
from core.data.parsing.raw import ROWS_PER_PIECE, RawTable, check_size, read_columnar
from core.data.parsing.row_parser import (
    RowPlan,
    build_samples,
    choose_plan,
    used_columns,
)
from core.data.parsing.time_parser import TimeForm, find_time_notations
from core.data.sources.delimited import read_delimited
from core.data.sources.spreadsheets import read_spreadsheet
from core.domain.sample import ColumnMapping, Provenance, Rejection, Sample
from core.errors import InvalidInput
from core.settings import Scale

SUFFIXES: Mapping[str, Callable[[Path], RawTable]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_delimited,
    ".json": read_documents,
    ".jsonl": read_documents,
    ".ndjson": read_documents,
    ".parquet": read_columnar,
    ".xlsx": read_spreadsheet,
    ".xlsm": read_spreadsheet,
    ".xls": read_spreadsheet,
    ".ods": read_spreadsheet,
}
"""The endings of importable files, each with its reader."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file; samples and rejections add up to `n_received`. `share_read` (0..1) is
    the share of the file read so far."""

    samples: tuple[Sample, ...]
    rejections: tuple[Rejection, ...]
    n_received: int
    share_read: float
    odd: Mapping[str, int] = field(default_factory=dict)  # values that count as missing, by column


@contextmanager
def named(path: Path, name: str) -> Iterator[None]:
    """Let messages about a file use the name that its owner knows."""
    try:
        yield
    except InvalidInput as error:
        if name == path.name:
            raise
        raise InvalidInput(str(error).replace(path.name, name)) from None


def plan_file(path: Path, mapping: ColumnMapping, progress: Callable[[float], None]) -> RowPlan:
    """Read a file once to learn its columns, and return the plan for its rows; `progress` gets the
    share done (0..1). Raises `InvalidInput` if the mapping does not fit or nothing can be
    imported."""
    table = open_table(path)
    scans: dict[str, ColumnScan] = {}
    n_rows, n_readable = 0, 0
    known = used_columns(mapping) - {mapping.target}  # what these hold decides nothing
    times = {c: TimeForm() for c in (mapping.timestamp, mapping.label_timestamp) if c is not None}
    for piece in table.read_pieces(ROWS_PER_PIECE):
        for name, values in piece.columns.items():
            if name not in scans:
                scans[name] = ColumnScan()
                scans[name].skip(n_readable)
            if name in known:
                scans[name].skip(len(values))
            else:
                scans[name].add(values)
        for name in scans.keys() - piece.columns.keys():
            scans[name].skip(len(piece.rows))
        n_rows += piece.n_received
        n_readable += len(piece.rows)
        for column, form in times.items():
            form.add(piece.columns.get(column, ()))
        progress(piece.share_read)
    if n_rows == 0:
        raise no_rows(path)
    if n_readable == 0:
        first = next(table.read_pieces(1)).rejections[0]
        raise InvalidInput(
            f"No row of '{path.name}' can be read ({n_rows:,} rows); row {first.row}: "
            f"{first.message}."
        )
    notations = {**find_notations(scans, table.separator), **find_time_notations(times)}
    return choose_plan(path.name, mapping, scans, n_rows, notations)


def read_file(
    path: Path, plan: RowPlan, source: str, provenance: Provenance, scale: Scale
) -> Iterator[Piece]:
    """Yield the rows of a file, about 2,000 at a time; without an id, rows that differ only in a
    column that is not kept stay apart, for which a number a row is remembered. Raises
    `InvalidInput` if the file cannot be read, or changed after it was planned."""
    n_received = 0
    others = (*plan.mapping.ignored, *plan.left_out) if plan.mapping.id is None else ()
    copies = CopyCounter(others)
    for raw in open_table(path).read_pieces(ROWS_PER_PIECE):
        samples, rejections, odd = build_samples(
            raw, plan, source=source, provenance=provenance, scale=scale
        )
        samples = copies.number(raw, samples, frozenset(r.row for r in rejections))
        n_received += raw.n_received
        yield Piece(tuple(samples), tuple(rejections), raw.n_received, raw.share_read, odd)
    if n_received != plan.n_rows:
        raise InvalidInput(
            f"'{path.name}' had {plan.n_rows:,} rows and then {n_received:,}: something wrote to "
            "it during the import. Import it again when it is whole."
        )


def open_table(path: Path) -> RawTable:
    """Open the raw rows of a file. Raises `InvalidInput` if it is missing, empty, or has an unknown
    ending."""
    check_size(path, None)
    read = SUFFIXES.get(path.suffix.lower())
    if read is None:
        raise InvalidInput(
            f"'{path.name}' does not end in {', '.join(SUFFIXES)}: save the rows in one of these "
            "formats."
        )
    return read(path)


def no_rows(path: Path) -> InvalidInput:
    """Return the refusal of a file without rows."""
    return InvalidInput(f"'{path.name}' has no rows: there is nothing in it to import.")
