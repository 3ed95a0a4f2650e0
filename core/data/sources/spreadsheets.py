"""XLSX, XLS and ODS files, row by row: the first sheet with a table, read in a process of its own
with limits, since a small file may expand without end."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import msgspec

from core.data.parsing.cell_parser import as_text
from core.data.parsing.raw import RawPiece, RawTable, name_columns
from core.data.sources.limits import limit_process, start_reader, too_much_memory
from core.data.sources.table_layout import (
    ROWS_LOOKED_AT,
    check_header,
    describe_above,
    find_header,
    is_blank,
    mark_totals,
    width,
)
from core.domain.sample import Rejection
from core.errors import InvalidInput
from core.safety.formulas import restore

SHEET_BYTES = 2_000_000_000
"""The memory for a sheet, which includes that of Python."""

_SECONDS = 300
_MAX_ROW = 16_000_000
_MAX_NAMED = 5

_Cell = float | str | bool | None


@dataclass(frozen=True, slots=True)
class _Head:
    """The first words of the process: the columns of the sheet, or the refusal of the file."""

    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    n_rows: int = 0
    refused: str = ""


def read_spreadsheet(path: Path) -> RawTable:
    """Open a spreadsheet. Raises `InvalidInput` if it cannot be read, has no table, or takes too
    much memory or time."""
    with _open(path) as (head, _):
        return RawTable(
            f"{path.suffix[1:].upper()} (a spreadsheet)",
            head.notes,
            partial(_read_pieces, path),
        )


def _read_pieces(path: Path, n: int) -> Iterator[RawPiece]:
    with _open(path) as (head, lines):
        rows: list[int] = []
        values: list[list[_Cell]] = []
        rejections: list[Rejection] = []
        records: Iterator[list[_Cell]] = map(msgspec.json.decode, lines)
        for number, record, totals in mark_totals(records):
            if totals:
                rejections.append(Rejection(number, "sums up the rows above it", "total_row"))
            elif len(record) > len(head.names):
                message = f"has a value beside the {len(head.names)} columns that have a name"
                rejections.append(Rejection(number, message, "wrong_value_count"))
            else:
                rows.append(number)
                values.append(record + [None] * (len(head.names) - len(record)))
            if len(rows) + len(rejections) == n:
                yield _piece(head, rows, values, rejections)
                rows, values, rejections = [], [], []
        if rows or rejections:
            yield _piece(head, rows, values, rejections, 1.0)


def _piece(
    head: _Head,
    rows: list[int],
    values: list[list[_Cell]],
    rejections: list[Rejection],
    share: float | None = None,
) -> RawPiece:
    columns: list[Sequence[_Cell]] = list(zip(*values, strict=True)) or [()] * len(head.names)
    last = max([*rows[-1:], *(rejection.row for rejection in rejections[-1:])])
    read = min(last / max(head.n_rows, 1), 0.999) if share is None else share
    return RawPiece(rows, dict(zip(head.names, columns, strict=True)), tuple(rejections), read)


@contextmanager
def _open(path: Path) -> Iterator[tuple[_Head, Iterator[bytes]]]:
    """Yield what the process says of a file, and the lines of its rows; end it afterwards."""
    process = start_reader(__name__, path)
    assert process.stdout is not None  # it is a pipe
    try:
        lines = _read_lines(path, process, process.stdout)
        head = msgspec.json.decode(next(lines), type=_Head)
        if head.refused:
            raise InvalidInput(head.refused)
        yield head, lines
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def _read_lines(path: Path, process: Any, stdout: IO[bytes]) -> Iterator[bytes]:
    """Yield what a process writes. Raises `InvalidInput` if it did not end by itself: without
    memory a library aborts, and the system ends what takes too long."""
    yield from stdout
    if process.wait() == -signal.SIGXCPU:
        raise InvalidInput(
            f"'{path.name}' could not be read within {_SECONDS} seconds: save it as CSV."
        )
    if process.wait() != 0:
        raise too_much_memory(path.name, SHEET_BYTES)


def _write(path: Path, out: IO[bytes]) -> None:
    """Write the head of a file and then its rows, a line of JSON each, under the limits."""
    import python_calamine  # only in this process

    try:
        workbook = python_calamine.CalamineWorkbook.from_path(path)
        sheets = [
            sheet.name
            for sheet in workbook.sheets_metadata
            if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
            and sheet.visible == python_calamine.SheetVisibleEnum.Visible
        ]
        for name in sheets:
            found = _find_table(workbook.get_sheet_by_name(name).iter_rows())
            if found is not None:
                head, rows = found
                others = [other for other in sheets if other != name]
                _write_table(path, out, _note_others(head, name, others), rows)
                return
        refused = f"'{path.name}' has no sheet with a table: a header and a row below it."
    except python_calamine.PasswordError:
        refused = f"'{path.name}' is locked with a password: save it without one."
    except InvalidInput as error:
        refused = str(error)
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        detail = str(error).strip().splitlines()[0][:120] if str(error).strip() else "damaged"
        refused = f"'{path.name}' cannot be read as a spreadsheet ({detail}): save it again."
    out.write(msgspec.json.encode(_Head(refused=refused)) + b"\n")


def _find_table(
    rows: Iterator[list[Any]],
) -> tuple[_Head, Iterator[list[_Cell]]] | None:
    """Return the head of the table of a sheet, and the rows below it that are not blank."""
    cells = (row for row in (list(map(_plain, row)) for row in rows) if width(row))
    first = list(islice(cells, ROWS_LOOKED_AT))
    start = find_header(first)
    if len(first) < start + 2:
        return None
    header, below = first[start], first[start + 1 :]
    n = max(width(row[: len(header)]) for row in (header, *below))
    if n < 2:
        return None
    given = [(as_text(cell) or "") for cell in header[:n]]
    names, notes = name_columns(given)
    return _Head(names, (*describe_above(first[:start]), *notes)), chain(below, cells)


def _note_others(head: _Head, name: str, others: Sequence[str]) -> _Head:
    if not others:
        return head
    shown = ", ".join(f"'{other}'" for other in others[:_MAX_NAMED])
    more = " …" if len(others) > _MAX_NAMED else ""
    note = f"Sheet '{name}' is read, and not {shown}{more}: save another as a file of its own."
    return replace(head, notes=(note, *head.notes))


def _write_table(path: Path, out: IO[bytes], head: _Head, rows: Iterator[list[_Cell]]) -> None:
    check_header(path.name, head.names)
    out.write(msgspec.json.encode(head) + b"\n")
    for row in rows:
        line = msgspec.json.encode(row[: width(row)])
        if len(line) > _MAX_ROW:
            raise MemoryError
        out.write(line + b"\n")


def _plain(cell: Any) -> _Cell:
    """Return a cell as JSON has it: times in ISO 8601, a duration in seconds."""
    if isinstance(cell, str):
        return None if is_blank(cell) else restore(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    number: _Cell = cell
    return number


if __name__ == "__main__":
    limit_process(SHEET_BYTES, _SECONDS)
    _write(Path(sys.argv[1]), sys.stdout.buffer)
