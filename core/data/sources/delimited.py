"""CSV and similar files, row by row: the separator is found, and a bad row is named."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from core.data.parsing.cell_parser import ValueKind, judge_value
from core.data.parsing.raw import RawPiece, RawTable, find_encoding, read_lines
from core.domain.sample import Rejection
from core.errors import InvalidInput
from core.safety.formulas import restore, restore_all

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_ROWS_LOOKED_AT = 50


class _Lines:
    """The lines of a file for `csv.reader`; counts bytes, and notes quotes that
    `core.safety.formulas` put before a cell."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._lines = read_lines(path, encoding)
        self.n_bytes = 0
        self.has_quote = False

    def __iter__(self) -> Iterator[str]:
        for line, n_bytes in self._lines:
            self.n_bytes = n_bytes
            if "'" in line:
                self.has_quote = True
            yield line


def read_delimited(path: Path) -> RawTable:
    """Open a CSV file whose first line names its columns. Raises `InvalidInput` if it is no table,
    or its header cannot be used."""
    encoding = find_encoding(path)
    separator = _find_separator(path, encoding)
    header = _read_header(path, encoding, separator)
    names = _name_columns(path, header)
    notes = [] if separator == "," else [f"Columns are separated by {_SEPARATORS[separator]}s."]
    notes += [
        f"Column {number} has no name in the file: it is called '{name}' here."
        for number, (name, given) in enumerate(zip(names, header, strict=True), start=1)
        if not given
    ]
    return RawTable(
        form=f"CSV ({_SEPARATORS[separator]}-separated)",
        notes=tuple(notes),
        read_pieces=partial(_read_pieces, path, encoding, separator, names),
        separator=separator,
    )


def _read_pieces(
    path: Path, encoding: str, separator: str, names: tuple[str, ...], n: int
) -> Iterator[RawPiece]:
    lines = _Lines(path, encoding)
    size = path.stat().st_size
    rows: list[int] = []
    values: list[list[str]] = []
    rejections: list[Rejection] = []
    records = _read_records(path, lines, separator)
    next(records)  # the header
    for number, record in enumerate(records, start=1):
        if isinstance(record, str):
            rejections.append(Rejection(number, record, "unreadable_row"))
        elif len(record) != len(names):
            rejections.append(_wrong_count(number, record, len(names), separator))
        else:
            rows.append(number)
            values.append(record)
        if len(rows) + len(rejections) == n:
            yield _piece(names, rows, values, rejections, lines, lines.n_bytes / size)
            rows, values, rejections = [], [], []
    if rows or rejections:
        yield _piece(names, rows, values, rejections, lines, 1.0)


def _piece(
    names: tuple[str, ...],
    rows: list[int],
    values: list[list[str]],
    rejections: list[Rejection],
    lines: _Lines,
    share_read: float,
) -> RawPiece:
    columns: list[Sequence[str]] = list(zip(*values, strict=True)) if values else [()] * len(names)
    if lines.has_quote:
        columns = [restore_all(column) for column in columns]
    return RawPiece(
        rows, dict(zip(names, columns, strict=True)), tuple(rejections), min(share_read, 1.0)
    )


def _read_records(path: Path, lines: _Lines, separator: str) -> Iterator[list[str] | str]:
    """Yield the records that are not blank, and a sentence for one that cannot be parsed. Raises
    `InvalidInput` for a quote that is never closed: nothing after it is reliable."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error) or "unexpected end" in str(error):
                raise InvalidInput(
                    f"A value of '{path.name}' that starts at line {start} does not end within "
                    f"{csv.field_size_limit():,} characters: a closing quote is missing."
                ) from None
            yield f"line {reader.line_num} is not valid CSV ({error}): check its quotes"
            continue
        if "\0" in "".join(record):
            yield f"line {reader.line_num} contains a zero byte"
        elif any(record):
            yield record
        elif len(record) > 1:
            yield f"line {reader.line_num} has no value in any column"


def _wrong_count(number: int, record: list[str], n_names: int, separator: str) -> Rejection:
    hint = "check its quotes and separators"
    if len(record) > n_names and separator == ",":
        hint = "quote values that contain a comma, and write decimals with a point"
    return Rejection(
        number,
        f"{len(record)} {'value' if len(record) == 1 else 'values'} where the header names "
        f"{n_names} columns: {hint}",
        "wrong_value_count",
    )


def _read_header(path: Path, encoding: str, separator: str) -> list[str]:
    header = next(_read_records(path, _Lines(path, encoding), separator))
    if isinstance(header, str):
        raise InvalidInput(f"The header of '{path.name}' cannot be read: {header}.")
    return [restore(name).strip() for name in header]


def _name_columns(path: Path, header: list[str]) -> tuple[str, ...]:
    if all(judge_value(name) is ValueKind.NUMBER for name in header):
        raise InvalidInput(
            f"The first line of '{path.name}' holds numbers: it has to name the columns."
        )
    names = [name or f"column_{number}" for number, name in enumerate(header, start=1)]
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        shown = ", ".join(f"'{name}'" for name in repeated[:10])
        raise InvalidInput(
            f"'{path.name}' names {shown} more than once: give each column a name of its own."
        )
    return tuple(names)


def _find_separator(path: Path, encoding: str) -> str:
    """Return the separator with which most rows have as many values as the header, and more than
    one."""
    scores = {s: _score_separator(path, encoding, s) for s in _SEPARATORS}
    best = max(scores, key=lambda s: scores[s])
    share, n_columns = scores[best]
    if n_columns < 2:
        lines = (line.strip() for line, _ in read_lines(path, encoding))
        if not any(lines):
            raise InvalidInput(f"'{path.name}' holds blank lines only: there is nothing to import.")
        raise InvalidInput(
            f"'{path.name}' does not look like a table: its first line names one column "
            "only. A sample needs a target and at least one feature, separated by commas, "
            "semicolons, tabs or bars."
        )
    if share < 0.5:
        raise InvalidInput(
            f"'{path.name}' does not look like a table: its first line has {n_columns} values and "
            "most of the lines after it have another number. If it is one, quote values that "
            "contain a comma and write decimals with a point."
        )
    return best


def _score_separator(path: Path, encoding: str, separator: str) -> tuple[float, int]:
    """Return the share of the first rows that agree with the header, and the header's length."""
    records = _read_records(path, _Lines(path, encoding), separator)
    try:
        lengths = [len(r) for r in islice(records, _ROWS_LOOKED_AT + 1) if isinstance(r, list)]
    except InvalidInput:
        if separator != ",":
            return 0.0, 0
        raise
    if not lengths or lengths[0] < 2:
        return 0.0, lengths[0] if lengths else 0
    rows = lengths[1:]
    return (sum(n == lengths[0] for n in rows) / len(rows) if rows else 1.0), lengths[0]
