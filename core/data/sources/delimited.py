"""CSV and similar files, row by row: the separator is found, and a bad row is named."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from core.data.parsing.raw import RawPiece, RawTable, name_columns
from core.data.parsing.text_lines import describe_encoding, find_encoding, read_lines
from core.data.sources.table_layout import (
    ROWS_LOOKED_AT,
    check_header,
    describe_above,
    find_header,
    mark_totals,
    width,
)
from core.domain.sample import Rejection
from core.errors import InvalidInput
from core.safety.formulas import restore, restore_all

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SEPARATOR_LINE = re.compile(r"\"?sep=(?P<separator>[,;\t|])\"?[,;\t]*\r?\n?")  # of spreadsheets
_QUOTED = re.compile(r'"(?:[^"]|"")*" *')


@dataclass(frozen=True, slots=True)
class _Form:
    """The form of a file: the lines up to the header, and what stands between its values."""

    path: Path
    encoding: str
    separator: str
    quoted: bool = True  # values may stand in quotes; otherwise a quote is a character
    n_above: int = 0  # records above the header


class _Lines:
    """The lines of a file for `csv.reader`, the first one blank if it only names the separator;
    counts bytes, and notes quotes that `core.safety.formulas` put before a cell."""

    def __init__(self, form: _Form) -> None:
        self._lines = read_lines(form.path, form.encoding)
        self.n_bytes = 0
        self.has_quote = False

    def __iter__(self) -> Iterator[str]:
        first = True
        for line, n_bytes in self._lines:
            self.n_bytes = n_bytes
            if "'" in line:
                self.has_quote = True
            yield "\n" if first and _SEPARATOR_LINE.fullmatch(line) else line
            first = False


def read_delimited(path: Path) -> RawTable:
    """Open a CSV file whose first line names its columns, below titles if there are any. Raises
    `InvalidInput` if it is no table, or its header cannot be used."""
    encoding = find_encoding(path)
    form = _find_form(path, encoding)
    first = _read_first(form)
    header = first[form.n_above]
    if isinstance(header, str):
        raise InvalidInput(f"The header of '{path.name}' cannot be read: {header}.")
    above = [row for row in first[: form.n_above] if isinstance(row, list)]
    below = [row for row in first[form.n_above + 1 :] if isinstance(row, list)]
    given = [restore(name).strip() for name in _trim(header, below)]
    check_header(path.name, given)
    names, notes = name_columns(given)
    word = _SEPARATORS[form.separator]
    said = [] if form.separator == "," else [f"Columns are separated by {word}s."]
    if not form.quoted:
        said.append("Quotes do not pair in the file: they are read as characters of its values.")
    return RawTable(
        form=f"CSV ({word}-separated)",
        notes=(*describe_encoding(encoding), *describe_above(above), *said, *notes),
        read_pieces=partial(_read_pieces, form, names),
        separator=form.separator,
    )


def _trim(header: list[str], rows: Sequence[list[str]]) -> list[str]:
    """Return the header without blank names at its end above which no row has a value."""
    return header[: max(width(row[: len(header)]) for row in (header, *rows))]


def _read_pieces(form: _Form, names: tuple[str, ...], n: int) -> Iterator[RawPiece]:
    lines = _Lines(form)
    size = form.path.stat().st_size
    rows: list[int] = []
    values: list[list[str]] = []
    rejections: list[Rejection] = []
    records = _read_records(form, lines)
    for _ in range(form.n_above + 1):
        next(records)
    for number, record, totals in mark_totals(records):
        if isinstance(record, list) and len(record) > len(names):
            record = record[: max(width(record), len(names))]  # separators at the end of a line
        if isinstance(record, str):
            rejections.append(Rejection(number, record, "unreadable_row"))
        elif len(record) != len(names):
            rejections.append(_wrong_count(number, record, len(names), form.separator))
        elif totals:
            rejections.append(Rejection(number, "sums up the rows above it", "total_row"))
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


def _read_records(form: _Form, lines: _Lines) -> Iterator[list[str] | str]:
    """Yield the records that are not blank, and a sentence for one that cannot be parsed. Raises
    `InvalidInput` for a quote that is never closed: nothing after it is reliable."""
    reader = csv.reader(
        lines,
        delimiter=form.separator,
        quoting=csv.QUOTE_MINIMAL if form.quoted else csv.QUOTE_NONE,
        skipinitialspace=True,
        strict=True,
    )
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error) or "unexpected end" in str(error):
                raise InvalidInput(
                    f"A value of '{form.path.name}' that starts at line {start} does not end "
                    f"within {csv.field_size_limit():,} characters: a closing quote is missing."
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


def _read_first(form: _Form) -> list[list[str] | str]:
    return list(islice(_read_records(form, _Lines(form)), ROWS_LOOKED_AT + 1))


def _find_form(path: Path, encoding: str) -> _Form:
    """Return the form with which most rows have as many values as the header, and more than one.
    The separator that a first line names is taken at its word."""
    first_line, _ = next(read_lines(path, encoding))
    named = _SEPARATOR_LINE.fullmatch(first_line)
    separators = [named["separator"]] if named else list(_SEPARATORS)
    scores, errors = [], []
    for separator in separators:
        try:
            scores.append(_score(_Form(path, encoding, separator)))
        except InvalidInput as error:
            errors.append(error)
    share, n_columns, form = max(scores, key=lambda score: score[:2], default=(0.0, 0, None))
    if errors and n_columns < 2:
        raise errors[0]
    if form is None or n_columns < 2:
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
    return form


def _score(form: _Form) -> tuple[float, int, _Form]:
    """Return the share of the first rows that agree with the header, the header's length, and the
    form with the place of the header."""
    if form.separator == "\t" and not _has_paired_quotes(form):
        form = replace(form, quoted=False)
    first = _read_first(form)
    start = find_header([row if isinstance(row, list) else [] for row in first])
    form = replace(form, n_above=start)
    rows = [row for row in first[start:] if isinstance(row, list)]
    if not rows or len(rows[0]) < 2:
        return 0.0, len(rows[0]) if rows else 0, form
    n = len(_trim(rows[0], rows[1:]))
    agree = sum(len(row[: max(width(row), n)]) == n for row in rows[1:])
    return (agree / (len(rows) - 1) if len(rows) > 1 else 1.0), n, form


def _has_paired_quotes(form: _Form) -> bool:
    """Return False if quotes of a file do not enclose values, and every line with one has as many
    values as the first without any regard for them."""
    lines = (line.rstrip("\r\n") for line in _Lines(form))
    n = next((line.count(form.separator) for line in lines if line), 0)
    odd = False
    for line in lines:
        if '"' in line:
            if n == 0 or line.count(form.separator) != n:
                return True
            values = (value.lstrip(" ") for value in line.split(form.separator))
            odd |= any(v.startswith('"') and not _QUOTED.fullmatch(v) for v in values)
    if not odd:
        return True
    try:
        return all(len(record) == n + 1 for record in _read_records(form, _Lines(form)))
    except InvalidInput:
        return False
