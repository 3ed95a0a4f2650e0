"""Files: a preview before an import, then the rows as samples, a piece at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from core.data.parsing.cell_parser import ColumnKind, as_word, read_cell
from core.data.parsing.column_types import ColumnScan, explain_unclear, find_notations
from core.data.parsing.documents import METADATA, read_documents
from core.data.parsing.notation import PLAIN, BadValue, Notation
from core.data.parsing.raw import ROWS_PER_PIECE, RawTable, check_size, read_columnar
from core.data.parsing.row_parser import (
    RowPlan,
    build_samples,
    check_names,
    choose_plan,
    used_columns,
)
from core.data.parsing.schema_inference import ColumnFacts, guess_mapping
from core.data.parsing.time_parser import TimeForm, find_time_notations, has_zone
from core.data.sources.delimited import read_delimited
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
}
"""The endings of importable files, each with its reader."""

_PREVIEW_ROWS = 1000
_SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """One column in the first rows, with its guessed `role`."""

    name: str
    kind: ColumnKind
    n_missing: int
    n_distinct: int
    example: str | None
    role: str  # "feature", "ignored", or the name of a field of the mapping
    why: str | None  # why it was guessed to be ignored


@dataclass(frozen=True, slots=True)
class FilePreview:
    """The first rows of a file. Problems deserve a look before an import, notes say how the file is
    read; neither stops it."""

    name: str
    form: str
    n_bytes: int
    n_rows: int  # rows looked at
    complete: bool  # they are all there are
    columns: tuple[ColumnPreview, ...]
    rows: tuple[Mapping[str, str | None], ...]  # the first 20, as text
    mapping: ColumnMapping
    problems: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file; samples and rejections add up to `n_received`. `share_read` (0..1) is
    the share of the file read so far."""

    samples: tuple[Sample, ...]
    rejections: tuple[Rejection, ...]
    n_received: int
    share_read: float


@contextmanager
def named(path: Path, name: str) -> Iterator[None]:
    """Let messages about a file use the name that its owner knows."""
    try:
        yield
    except InvalidInput as error:
        if name == path.name:
            raise
        raise InvalidInput(str(error).replace(path.name, name)) from None


def read_preview(path: Path) -> FilePreview:
    """Return the first rows of a file with guessed column roles, read in this process. Raises
    `InvalidInput` if it is empty, has no rows, or does not match its ending."""
    n_bytes = check_size(path, None)
    table = open_table(path)
    piece = next(table.read_pieces(_PREVIEW_ROWS), None)
    if piece is None:
        raise _no_rows(path)
    if not piece.rows:
        raise InvalidInput(
            f"None of the first rows of '{path.name}' can be read; row {piece.rejections[0].row}: "
            f"{piece.rejections[0].message}."
        )
    check_names(path.name, piece.columns)
    scans = {name: _scan(values) for name, values in piece.columns.items()}
    facts = [_find_facts(name, piece.columns[name], scan) for name, scan in scans.items()]
    notations = find_notations(scans, table.separator)
    mapping, why = guess_mapping(facts)
    roles = _roles(mapping)
    complete = piece.share_read >= 1.0
    problems = [
        f"Row {rejection.row} will be rejected: {rejection.message}."
        for rejection in piece.rejections[:5]
    ]
    return FilePreview(
        name=path.name,
        form=table.form,
        n_bytes=n_bytes,
        n_rows=piece.n_received,
        complete=complete,
        columns=tuple(
            ColumnPreview(
                name=fact.name,
                kind=fact.kind,
                n_missing=fact.n_missing,
                n_distinct=fact.n_distinct,
                example=_shorten(scans[fact.name].example),
                role=roles.get(fact.name, "feature"),
                why=why.get(fact.name),
            )
            for fact in facts
        ),
        rows=tuple(
            {
                name: _shorten(as_word(_plain(values[place])))
                for name, values in piece.columns.items()
            }
            for place in range(min(_SHOWN_ROWS, len(piece.rows)))
        ),
        mapping=mapping,
        problems=(*problems, *_find_problems(scans, mapping, why, notations)),
        notes=(*table.notes, *_find_notes(piece.columns, mapping, complete)),
    )


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
        raise _no_rows(path)
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
    """Yield the rows of a file, about 2,000 at a time, in bounded memory. Raises `InvalidInput` if
    the file cannot be read, or changed after it was planned."""
    n_received = 0
    for raw in open_table(path).read_pieces(ROWS_PER_PIECE):
        samples, rejections = build_samples(
            raw, plan, source=source, provenance=provenance, scale=scale
        )
        n_received += raw.n_received
        yield Piece(tuple(samples), tuple(rejections), raw.n_received, raw.share_read)
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


def _no_rows(path: Path) -> InvalidInput:
    return InvalidInput(f"'{path.name}' has no rows: there is nothing in it to import.")


def _scan(values: Sequence[object]) -> ColumnScan:
    scan = ColumnScan()
    scan.add(values)
    return scan


def _find_facts(name: str, values: Sequence[object], scan: ColumnScan) -> ColumnFacts:
    texts = [text for value in values if (text := as_word(_plain(value))) is not None]
    whole = scan.kind is ColumnKind.NUMBER and all(text.lstrip("-").isdigit() for text in texts)
    numbers = [int(text) for text in texts] if whole else []
    looked_at = [value for value in values[:200] if value not in (None, "")]
    form = TimeForm()
    form.add(looked_at)
    readable = sum(_is_time(value, form.notation) for value in looked_at)
    return ColumnFacts(
        name=name,
        kind=scan.kind,
        n_rows=len(values),
        n_missing=scan.n_missing,
        n_distinct=len(set(texts)),
        share_times=readable / len(looked_at) if looked_at else 0.0,
        whole=whole,
        counting=len(numbers) == len(values) > 1 and all(b - a == 1 for a, b in pairwise(numbers)),
    )


def _is_time(value: object, notation: Notation) -> bool:
    try:
        return read_cell(value, ColumnKind.TIME, notation=notation) is not None
    except BadValue as error:
        return error.code == "ambiguous_time"  # meant as one; the import says how to write it


def _plain(value: object) -> object:
    return str(value) if isinstance(value, list | dict | bytes) else value


def _shorten(text: str | None) -> str | None:
    return text if text is None or len(text) <= 120 else text[:119] + "…"


def _roles(mapping: ColumnMapping) -> dict[str, str]:
    roles = dict.fromkeys(mapping.ignored, "ignored")
    for role in ("target", "timestamp", "label_timestamp", "text", "id", "group"):
        column = getattr(mapping, role)
        if column is not None:
            roles[column] = role
    return roles


def _find_problems(
    scans: Mapping[str, ColumnScan],
    mapping: ColumnMapping,
    why: Mapping[str, str],
    notations: Mapping[str, Notation],
) -> Iterator[str]:
    target = scans[mapping.target]
    if target.kind is not ColumnKind.NUMBER:
        yield (
            f"No column of numbers is left for the target: '{mapping.target}' holds "
            f"{target.kind} values. Choose the column to predict."
        )
    for name, scan in scans.items():
        unclear = explain_unclear(scan, notations.get(name, PLAIN))
        if unclear and name not in (mapping.id, mapping.group, mapping.text, *mapping.ignored):
            yield f"Column '{name}' {unclear}."
        elif scan.odd_value:
            yield (
                f"Column '{name}' holds numbers and {scan.odd_value}: rows with a value that is no "
                "number will be rejected."
            )
    for name, reason in why.items():
        if not name.startswith(METADATA):
            yield f"Column '{name}' {reason}: it is ignored unless you choose it."


def _find_notes(
    columns: Mapping[str, Sequence[object]], mapping: ColumnMapping, complete: bool
) -> Iterator[str]:
    if mapping.timestamp is None:
        yield "No column of times was found: rows without a time are split at random."
        return
    forms = {c: TimeForm() for c in (mapping.timestamp, mapping.label_timestamp) if c is not None}
    for column, form in forms.items():
        form.add(columns[column])
    notation = find_time_notations(forms).get(mapping.timestamp, PLAIN)
    zones: set[bool] = set()
    unreadable: set[str] = set()
    for value in columns[mapping.timestamp]:
        try:
            if read_cell(value, ColumnKind.TIME, notation=notation) is not None:
                zones.add(has_zone(value, notation))
        except BadValue as error:
            unreadable.add(error.code)
    if False in zones:
        yield f"Times in '{mapping.timestamp}' say no zone: they are taken as UTC."
    if "ambiguous_time" in unreadable and not complete:
        yield (
            f"Times in '{mapping.timestamp}' may be day/month or month/day: these rows will be "
            "rejected unless a later row shows which comes first."
        )
        unreadable.remove("ambiguous_time")
    if unreadable:
        yield f"Some times in '{mapping.timestamp}' cannot be read: these rows will be rejected."
