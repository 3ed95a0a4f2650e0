"""The trace of a person's rows, and their deletion from the store and the snapshots."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.audit.attempt import attempt
from core.data.frames import hash_rows
from core.data.parsing.cell_parser import as_word
from core.data.quality.overview import refresh_quality
from core.data.snapshots import write_rows
from core.data.uploads import remove_uploads
from core.domain.actor import Act, Actor, Decider
from core.domain.dataset import EXTERNAL_ID, GROUP, Erasure, IdKind, Snapshot, Trace, Use
from core.errors import InvalidInput, NotFound
from core.file_access import is_name, resolve_named
from core.log import get_logger
from core.settings import Scale
from core.store.data import erasures
from core.store.data import snapshots as snapshot_rows
from core.store.engine.database import Connection, Database
from core.store.predictions.predictions import read_all

MAX_SNAPSHOTS = 1_000_000
_DECIDERS = frozenset(Decider)


def remove_old_files(db: Database, folder: Path) -> None:
    """Remove the files that erasures replaced, except those that a snapshot names again."""
    with db.read() as conn:
        notes = erasures.load_erasures(conn)
        named = {Path(one.path).name for one in snapshot_rows.load_snapshots(conn, MAX_SNAPSHOTS)}
    for name in {name for note in notes for name in note.old_files} - named:
        if is_name(name):
            (folder / name).unlink(missing_ok=True)


log = get_logger(__name__)


def trace_rows(db: Database, folder: Path, kind: IdKind, name: str) -> Trace:
    """Return the rows of an id or a group, and the snapshots and versions that used them. A
    snapshot without its file holds nothing."""
    return _trace(db, folder, kind, name)[1]


def _trace(db: Database, folder: Path, kind: IdKind, name: str) -> tuple[str, Trace]:
    """Return the rows of a name, or else of the word that an import makes of it: 1043.0 is kept as
    1043; with the name that has them."""
    found = _find_trace(db, folder, kind, name)
    word = as_word(name)
    if word in (None, name) or not found.is_empty:
        return name, found
    return word, _find_trace(db, folder, kind, word)


def _find_trace(db: Database, folder: Path, kind: IdKind, name: str) -> Trace:
    with read_all(db) as conn:
        found = erasures.count_rows(conn, kind, name)
        taken = snapshot_rows.load_snapshots(conn, MAX_SNAPSHOTS)
        uses = [_find_use(conn, folder, snapshot, kind, name) for snapshot in taken]
    return replace(found, uses=tuple(use for use in uses if use.n_rows))


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """The id or group whose rows are to be deleted, by whom and why; `uploads` is the folder of the
    copies of files that wait for their import."""

    kind: IdKind
    name: str
    by: Actor
    reason: str
    uploads: Path


def erase_rows(
    db: Database,
    folder: Path,
    asked: ErasureRequest,
    *,
    now: Callable[[], datetime],
    scale: Scale,
    rules: Path | None = None,
) -> Erasure:
    """Delete the rows of an id or a group: samples, the requests of their predictions, their
    rejections, their rows in snapshots, whose files are replaced, and every copy of a file that
    waits for its import. Replace the name wherever the program quoted it. Return the log entry.
    The remaining rows are checked again.

    The new files are written first, then one transaction deletes and names them, then the old
    files are removed: where the process dies in between, nothing is deleted yet, or the next
    `remove_old_files` ends it. A version keeps what it has learned.

    Raises `InvalidInput` without a reason, `NotFound` where there is nothing."""
    kind, name, reason = asked.kind, asked.name, asked.reason.strip()
    if not reason:
        raise InvalidInput("A deletion needs a reason: say why, for whoever reads the history.")
    target, details = f"the rows of a {kind}", {"name": name}
    with attempt(db, asked.by, Act.ERASE, target, now=now(), reason=reason, details=details) as act:
        name, found = _trace(db, folder, kind, name)
        if found.is_empty:
            raise NotFound(f"There is no row, prediction, label or mention of {kind} '{name}'.")
        with db.read() as conn:
            used = [snapshot_rows.get_snapshot(conn, use.snapshot_id) for use in found.uses]
        replaced = [(snapshot, *_write_without(folder, snapshot, kind, name)) for snapshot in used]
        with read_all(db) as conn:  # what came meanwhile goes too, and the log entry counts it
            found = replace(erasures.count_rows(conn, kind, name), uses=found.uses)
        note = Erasure(
            act.now,
            asked.by.name,
            reason,
            found,
            tuple(Path(snapshot.path).name for snapshot in used),
        )
        with act.write() as conn:
            changed = erasures.delete_rows(conn, kind, name)
            for snapshot, path, file_hash in replaced:
                erasures.replace_file(conn, snapshot.id, path, file_hash)
            erasures.append_erasure(conn, note)
            for table, number in changed:
                if table in _DECIDERS:
                    act.seal(Decider(table), number)
            act.note(
                after={
                    "n_samples": found.n_samples,
                    "n_predictions": found.n_predictions,
                    "n_labels": found.n_labels,
                    "n_mentions": found.n_mentions,
                }
            )
    remove_old_files(db, folder)
    remove_uploads(asked.uploads)
    refresh_quality(db, scale, now(), rules)
    if not db.empty_log():
        log.warning("write_ahead_log_in_use", advice="it is emptied when nobody reads")
    log.info("rows_erased", n_samples=found.n_samples, n_snapshots=len(used))
    return note


def _find_use(conn: Connection, folder: Path, snapshot: Snapshot, kind: IdKind, name: str) -> Use:
    column = _COLUMNS[kind]
    try:
        table = pq.read_table(resolve_named(folder, snapshot.path), columns=[column])
    except FileNotFoundError:
        return Use(snapshot.id, 0, ())
    n_rows = pc.sum(_is_theirs(table, kind, name)).as_py() or 0
    return Use(snapshot.id, n_rows, erasures.load_versions_of(conn, snapshot.id))


def _write_without(folder: Path, snapshot: Snapshot, kind: IdKind, name: str) -> tuple[str, str]:
    """Write the other rows of a snapshot; return the file's path and content hash."""
    table = pq.read_table(resolve_named(folder, snapshot.path), memory_map=False)
    rest = table.filter(pc.invert(_is_theirs(table, kind, name)))
    file_hash = hash_rows(rest)
    path = folder / f"{file_hash}.parquet"
    write_rows(rest, path)
    return f"{folder.name}/{path.name}", file_hash


def _is_theirs(table: pa.Table, kind: IdKind, name: str) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(table.column(_COLUMNS[kind]), name), False)


_COLUMNS = {IdKind.ID: EXTERNAL_ID, IdKind.GROUP: GROUP}
