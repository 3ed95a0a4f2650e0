"""The plan of a scored file, and its parts, each written whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from core.data.parsing.json_shapes import METADATA
from core.data.parsing.unlabelled import UnlabelledPlan, find_kind
from core.domain.dataset import AT, TEXT
from core.domain.history import MODEL, PROVIDER, RecentLabels
from core.domain.model_card import Card
from core.domain.sample import HISTORY, WEIGHTS, spell
from core.domain.version import version_name
from core.errors import Conflict, InvalidInput, Unavailable
from core.serving.files.report import FileReport, PartSummary

ADDED = {
    "score": "number",
    "low": "number",
    "high": "number",
    "source": "text",
    "reason": "text",
    "version": "text",
}
"""The columns that scoring adds, and their types."""

_TEXT, _TIMESTAMP = "text", "timestamp"
_MAX_NAMES = 8


@dataclass(frozen=True, slots=True)
class Options:
    """The columns that the caller names; a column that is None is found by its usual name."""

    text: str | None = None
    timestamp: str | None = None
    prefix: str = ""  # of the columns that are added


def choose_plan(
    file: str,
    columns: Sequence[str],
    card: Card | None,
    version: int,
    types: Mapping[str, str],
    options: Options,
) -> tuple[UnlabelledPlan, list[str]]:
    """Return how the rows of a file are read for a version (for the heuristic if `card` is None),
    and notes for the operator. `types` are the types of the columns that the version learned from.
    Raises `InvalidInput` if a named column does not exist, an added one exists already, or the file
    has no column that the version reads."""
    for role, column in (("text", options.text), ("timestamp", options.timestamp)):
        if column is not None and column not in columns:
            raise InvalidInput(
                f"'{file}' has no column '{column}' for the {role}; its columns are "
                f"{_show(columns)}."
            )
    for name in ADDED:
        if options.prefix + name in columns:
            raise InvalidInput(
                f"'{file}' has a column '{options.prefix + name}' already: rename it, or name the "
                "columns that are added otherwise, with --prefix predicted_."
            )
    reads = () if card is None else card.reads
    text = options.text or (_TEXT if TEXT in reads and _TEXT in columns else None)
    reads_times = AT in reads or set(HISTORY) & set(reads)
    timestamp = options.timestamp or (_TIMESTAMP if reads_times and _TIMESTAMP in columns else None)
    wanted = [*(() if card is None else card.features), *_list_base(), PROVIDER, MODEL]
    features = {name: find_kind(types, name) for name in wanted if name not in (text, timestamp)}
    notes = [] if card is None else _check(file, columns, card, version, text)
    if reads_times and timestamp is None:
        notes.append(
            f"{version_name(version)} reads when the work was made, and no column says it: it is "
            "taken as made now. --timestamp names one."
        )
    return UnlabelledPlan(features, text, timestamp), notes


def _check(
    file: str, columns: Sequence[str], card: Card, version: int, text: str | None
) -> list[str]:
    name = version_name(version)
    missing = [feature for feature in card.features if feature not in columns]
    reads_text = TEXT in card.reads
    if reads_text and text is None and not card.features:
        raise InvalidInput(
            f"{name} reads a text and nothing else, and no column of '{file}' is named for it: "
            f"name it with --text. Its columns are {_show(columns)}."
        )
    if len(missing) == len(card.features) and not (reads_text and text is not None):
        shown = [column for column in columns if not column.startswith(METADATA)]
        raise InvalidInput(
            f"'{file}' has none of the columns that {name} reads ({_show(card.features)}); its "
            f"columns are {_show(shown)}."
        )
    notes = []
    if missing:
        notes.append(
            f"{len(missing)} of the {len(card.features)} columns that {name} reads are not in "
            f"'{file}', and missing in every row: {_show(missing)}."
        )
    if reads_text and text is None:
        notes.append(f"{name} reads a text, and no column holds it: --text names one.")
    return notes


def _list_base() -> list[str]:
    """Return the names of the columns that the heuristic reads."""
    return [spelling for name in WEIGHTS for spelling in spell(name)]


def _show(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMES
    shown = ", ".join(f"'{name}'" for name in names[:_MAX_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


Kept = TypeVar("Kept")
_MANIFEST, _REPORT, _LOCK, _WHOLE = "manifest.json", "report.json", "lock", "whole"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The input, version and options that all parts are made with; the first attempt decides
    them."""

    input_name: str
    input_hash: str
    version: int
    at: datetime  # the time of rows that have none
    recent: RecentLabels  # for the heuristic's means
    why_heuristic: str  # empty where a model answers
    options: dict[str, str | None]
    rows_per_part: int
    widening: float = 1.0  # how many times as wide as training found the intervals are


class Parts:
    """The parts of one output; `open_parts` makes it."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = find_folder(out)
        self.whole = self.folder / _WHOLE

    def find_manifest(self) -> Manifest | None:
        """Return the manifest of the first attempt; None if there was none."""
        return self._find(_MANIFEST, Manifest)

    def find_report(self) -> FileReport | None:
        """Return the report of an attempt that had joined the whole output; None if there was
        none."""
        return self._find(_REPORT, FileReport)

    def save_manifest(self, manifest: Manifest) -> None:
        """Store the manifest, which begins an output."""
        self._write(_MANIFEST, msgspec.json.encode(manifest))

    def load_summaries(self) -> list[PartSummary]:
        """Return the summaries of the parts that are done, in order."""
        found: list[PartSummary] = []
        while (summary := self._find(f"{len(found):06}.json", PartSummary)) is not None:
            found.append(summary)
        return found

    def add(self, number: int, content: bytes, summary: PartSummary) -> None:
        """Store a part, then its summary; a part counts as done once its summary is stored."""
        self._write(f"{number:06}.part", content)
        self._write(f"{number:06}.json", msgspec.json.encode(summary))

    def list_files(self, n_parts: int) -> Iterator[Path]:
        """Return the files of the first `n_parts` parts, in order."""
        return (self.folder / f"{number:06}.part" for number in range(n_parts))

    def publish(self, report: FileReport) -> None:
        """Rename the whole output to its name, and remove the parts. Raises `Conflict` if somebody
        else has made a file of this name in the meantime."""
        if self.whole.exists():
            if self.out.exists():
                raise _exists(self.out)
            self._write(_REPORT, msgspec.json.encode(report))
            _sync(self.whole)
            self.whole.rename(self.out)
            _sync(self.out.parent)
        shutil.rmtree(self.folder)

    def remove(self) -> None:
        """Delete all parts."""
        shutil.rmtree(self.folder)

    def _find(self, name: str, kind: type[Kept]) -> Kept | None:
        try:
            return msgspec.json.decode((self.folder / name).read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            raise InvalidInput(
                f"'{self.folder / name}' was altered: remove the folder {self.folder.name} to "
                "score the file anew."
            ) from None

    def _write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; it is on disk when this returns."""
        partial = self.folder / f"{name}.new"
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self.folder / name)


@contextmanager
def open_parts(out: Path) -> Iterator[Parts]:
    """Open the parts of an output, locked against other processes. Raises `InvalidInput` if the
    folder of the output does not exist, `Conflict` if the output exists already or another process
    writes it, `Unavailable` if the disk is full."""
    folder = find_folder(out)
    if not out.parent.is_dir():
        raise InvalidInput(f"The folder '{out.parent}' does not exist: make it, or choose another.")
    if out.exists() and not (folder / _REPORT).exists():
        raise _exists(out)
    try:
        folder.mkdir(exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            _take(lock.fileno(), out)
            yield Parts(out)
    except OSError as error:
        raise Unavailable(
            f"'{out}' cannot be written ({error.strerror}): free some space or choose another "
            "folder. What is scored stays; the same command goes on."
        ) from error
    finally:
        if not (folder / _MANIFEST).exists():  # nothing was scored
            shutil.rmtree(folder, ignore_errors=True)


def find_folder(out: Path) -> Path:
    """Return the folder of an output's parts.

    >>> find_folder(Path("a/scores.csv")).as_posix()
    'a/scores.csv.parts'
    """
    return out.with_name(f"{out.name}.parts")


def _take(handle: int, out: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"Another process is writing '{out}': let it finish, or end it.") from None


def _exists(out: Path) -> Conflict:
    return Conflict(f"'{out}' exists already: remove it, or choose another name.")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
