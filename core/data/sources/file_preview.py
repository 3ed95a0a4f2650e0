"""The preview of a file: its first rows, the guessed roles of its columns, and what deserves a look
before an import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.data.parsing.cell_parser import ColumnKind, as_word, read_cell
from core.data.parsing.column_facts import ColumnFacts, describe_column, find_lags, is_time
from core.data.parsing.column_types import ColumnScan, explain_unclear, find_notations
from core.data.parsing.notation import PLAIN, BadValue, Notation
from core.data.parsing.raw import RawPiece, check_size
from core.data.parsing.row_parser import check_names
from core.data.parsing.schema_inference import MappingGuess, guess_mapping
from core.data.parsing.time_parser import TimeForm, find_time_notations, has_zone
from core.data.sources.files import no_rows, open_table
from core.domain.dataset import Issue
from core.domain.sample import ColumnMapping, Rejection
from core.errors import InvalidInput

_PREVIEW_ROWS = 1000
_SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """The readings of a column as times in the first rows."""

    n_without_zone: int
    n_unreadable: int
    n_ambiguous: int  # day/month or month/day, and no value says which


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """One column in the first rows, with its guessed `role` and the reason `why`."""

    facts: ColumnFacts
    role: str  # "feature", "ignored", or the name of a field of the mapping
    why: str
    unclear: str | None = None  # why its numbers cannot be read, and what to do
    odd_value: str | None = None  # one of a few words in a column of numbers
    times: TimeFacts | None = None  # where it is a column of times

    @property
    def name(self) -> str:
        """Return the column's name."""
        return self.facts.name

    @property
    def kind(self) -> ColumnKind:
        """Return the type of the column's values."""
        return self.facts.kind

    @property
    def n_missing(self) -> int:
        """Return the number of rows without a value."""
        return self.facts.n_missing

    @property
    def n_distinct(self) -> int:
        """Return the number of different values."""
        return self.facts.n_distinct

    @property
    def example(self) -> str | None:
        """Return a value as text, shortened."""
        return _shorten(self.facts.example)


@dataclass(frozen=True, slots=True)
class FilePreview:
    """The first rows of a file. Problems deserve a look before an import, notes say how the file is
    read; neither stops the preview."""

    name: str
    form: str
    n_bytes: int
    n_rows: int  # rows looked at
    complete: bool  # they are all there are
    columns: tuple[ColumnPreview, ...]
    rows: tuple[Mapping[str, str | None], ...]  # the first 20, as text
    guess: MappingGuess
    rejected: tuple[Rejection, ...]  # rows that cannot be read, at most 5
    notes: tuple[str, ...]
    problems: tuple[Issue, ...] = ()  # of the guess, worst first; without the scale

    @property
    def mapping(self) -> ColumnMapping:
        """Return the guessed mapping."""
        return self.guess.mapping


def read_preview(path: Path) -> FilePreview:
    """Return the first rows of a file with guessed column roles, read in this process. Raises
    `InvalidInput` if it is empty, has no rows, or does not match its ending."""
    n_bytes = check_size(path, None)
    table = open_table(path)
    piece = next(table.read_pieces(_PREVIEW_ROWS), None)
    if piece is None:
        raise no_rows(path)
    if not piece.rows:
        raise InvalidInput(
            f"None of the first rows of '{path.name}' can be read; row {piece.rejections[0].row}: "
            f"{piece.rejections[0].message}."
        )
    check_names(path.name, piece.columns)
    scans = {name: _scan(values) for name, values in piece.columns.items()}
    notations = find_notations(scans, table.separator)
    facts = [
        describe_column(
            name,
            piece.columns[name],
            scan,
            notation=notations.get(name, PLAIN),
            is_index=name in table.index,
        )
        for name, scan in scans.items()
    ]
    guess = guess_mapping(facts, find_lags(piece.columns, facts))
    return FilePreview(
        name=path.name,
        form=table.form,
        n_bytes=n_bytes,
        n_rows=piece.n_received,
        complete=piece.share_read >= 1.0,
        columns=_describe_columns(piece, facts, scans, notations, guess),
        rows=tuple(
            {
                name: _shorten(as_word(_plain(values[place])))
                for name, values in piece.columns.items()
            }
            for place in range(min(_SHOWN_ROWS, len(piece.rows)))
        ),
        guess=guess,
        rejected=piece.rejections[:5],
        notes=table.notes,
    )


def name_roles(mapping: ColumnMapping) -> dict[str, str]:
    """Return the role of each column that has one.

    >>> name_roles(ColumnMapping("y", id="k", ignored=("z",)))
    {'z': 'ignored', 'y': 'target', 'k': 'id'}
    """
    roles = dict.fromkeys(mapping.ignored, "ignored")
    for role in ("target", "timestamp", "label_timestamp", "text", "id", "group"):
        column = getattr(mapping, role)
        if column is not None:
            roles[column] = role
    return roles


def _describe_columns(
    piece: RawPiece,
    facts: Sequence[ColumnFacts],
    scans: Mapping[str, ColumnScan],
    notations: Mapping[str, Notation],
    guess: MappingGuess,
) -> tuple[ColumnPreview, ...]:
    roles = name_roles(guess.mapping)
    forms = {fact.name: TimeForm() for fact in facts if is_time(fact)}
    for name, form in forms.items():
        form.add(piece.columns[name])
    times = find_time_notations(forms)
    return tuple(
        ColumnPreview(
            facts=replace(fact, example=_shorten(fact.example)),
            role=roles.get(fact.name, "feature"),
            why=guess.why[fact.name],
            unclear=explain_unclear(scans[fact.name], notations.get(fact.name, PLAIN)),
            odd_value=scans[fact.name].odd_value,
            times=_look_at_times(piece.columns[fact.name], times.get(fact.name, PLAIN))
            if fact.name in forms
            else None,
        )
        for fact in facts
    )


def _look_at_times(values: Sequence[object], notation: Notation) -> TimeFacts:
    n_without_zone, n_unreadable, n_ambiguous = 0, 0, 0
    for value in values:
        try:
            if read_cell(value, ColumnKind.TIME, notation=notation) is not None:
                n_without_zone += not has_zone(value, notation)
        except BadValue as error:
            n_ambiguous += error.code == "ambiguous_time"
            n_unreadable += error.code != "ambiguous_time"
    return TimeFacts(n_without_zone, n_unreadable, n_ambiguous)


def _scan(values: Sequence[object]) -> ColumnScan:
    scan = ColumnScan()
    scan.add(values)
    return scan


def _plain(value: object) -> object:
    return str(value) if isinstance(value, list | dict | bytes) else value


def _shorten(text: str | None) -> str | None:
    return text if text is None or len(text) <= 120 else text[:119] + "…"
