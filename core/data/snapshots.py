"""Snapshots: the rows of a training, written once as Parquet and verified when they are read."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.data.frames import build_table, hash_rows, list_features
from core.data.parsing.cell_parser import as_text
from core.domain.dataset import AT, EXTERNAL_ID, RESERVED, TARGET, Snapshot
from core.domain.sample import OBSERVED, Features, Provenance, choose_provenances
from core.errors import InvalidInput, NotFound, Refused, Unavailable
from core.file_access import resolve_named
from core.log import get_logger
from core.store.data import samples as sample_rows
from core.store.data import snapshots as snapshot_rows
from core.store.engine.database import Database

log = get_logger(__name__)


def take_snapshot(
    db: Database,
    folder: Path,
    *,
    by: str,
    now: datetime,
    provenances: Sequence[Provenance] | None = None,
) -> Snapshot:
    """Write the visible rows to `folder`, and record them; equal rows return the earlier snapshot.
    Raises `Refused` without rows, `InvalidInput` if generated and observed rows are mixed,
    `Unavailable` if the folder cannot be written."""
    table, chosen = _load_rows(db, provenances)
    content_hash = hash_rows(table)
    write_rows(table, folder / f"{content_hash}.parquet")
    span = pc.min_max(table.column(AT))
    with db.write() as conn:
        snapshot = snapshot_rows.append_snapshot(
            conn,
            content_hash=content_hash,
            path=f"{folder.name}/{content_hash}.parquet",
            n_rows=table.num_rows,
            n_synthetic=table.num_rows if Provenance.SYNTHETIC in chosen else 0,
            columns=list_features(table),
            query={
                "provenances": [provenance.value for provenance in chosen],
                "types": {name: str(table.schema.field(name).type) for name in table.column_names},
            },
            first_at=span["min"].as_py(),
            last_at=span["max"].as_py(),
            by=by,
            now=now,
        )
    log.info("snapshot_taken", snapshot=snapshot.id, n_rows=snapshot.n_rows, hash=content_hash)
    return snapshot


def read_rows(db: Database) -> pd.DataFrame:
    """Return the rows of a snapshot taken now, as `read_snapshot` does, without writing it. Raises
    `Refused` without rows."""
    table, _ = _load_rows(db, None)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def read_snapshot(folder: Path, snapshot: Snapshot) -> pd.DataFrame:
    """Return the rows of a snapshot by time: the RESERVED columns of `core.domain.dataset`, then
    the features (float64, or str for categories; missing is NaN).

    Raises `NotFound` where the file is gone, `Refused` where it does not hold the rows that the
    snapshot recorded."""
    path = resolve_named(folder, snapshot.path)
    try:
        table = pq.read_table(path, memory_map=False)
        same = hash_rows(table) == (snapshot.file_hash or snapshot.content_hash)
    except FileNotFoundError:
        raise NotFound(
            f"The rows of snapshot {snapshot.id} are gone ({path} does not exist): restore the "
            "file from a backup, or train again."
        ) from None
    except (pa.ArrowException, KeyError, OSError) as error:
        log.warning("snapshot_unreadable", snapshot=snapshot.id, error=str(error))
        same = False
    if not same:
        raise Refused(
            f"Snapshot {snapshot.id} was altered: {path} does not hold the rows that were recorded "
            "when it was taken. Restore the file from a backup, or train again."
        )
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _load_rows(
    db: Database, provenances: Sequence[Provenance] | None
) -> tuple[pa.Table, tuple[Provenance, ...]]:
    with db.read() as conn:
        chosen = tuple(provenances or choose_provenances(sample_rows.count_samples(conn)))
        if Provenance.SYNTHETIC in chosen and set(chosen) & set(OBSERVED):
            raise InvalidInput(
                "Generated rows are never used beside observed ones: choose one or the other."
            )
        table = build_table(sample_rows.stream_pieces(conn, provenances=chosen))
    if table.num_rows == 0:
        raise Refused(
            f"There are no {' or '.join(chosen)} rows to learn from: import a file first."
        )
    return table, chosen


def write_rows(table: pa.Table, path: Path) -> None:
    """Write rows as Parquet, atomically, and flush them to disk. Raises `Unavailable` if the folder
    cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".snapshot-", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(handle, "wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"The snapshot cannot be written to {path.parent} ({error.strerror}): free some space or "
        "make the folder writable; nothing was recorded."
    )


_PIECE = 2_000
_DIGITS = 9  # of a target; what came through a file differs behind these


@dataclass(frozen=True, slots=True)
class Seen:
    """The ids of a snapshot's rows, and digests of their features and labels."""

    features: tuple[str, ...]
    ids: frozenset[str]
    contents: frozenset[bytes]

    def holds(self, row_id: str, features: Features, actual: float) -> bool:
        """Return whether a row is in the snapshot, by its id or its content."""
        return row_id in self.ids or _digest(features, self.features, actual) in self.contents


def read_seen(folder: Path, snapshot: Snapshot, features: Sequence[str]) -> Seen:
    """Read the ids and digests of a snapshot's rows in pieces. Raises `NotFound` if its file is
    missing, `Refused` if it cannot be read."""
    path = resolve_named(folder, snapshot.path)
    ids: set[str] = set()
    contents: set[bytes] = set()
    try:
        with pq.ParquetFile(path) as file:
            there = set(file.schema_arrow.names) - set(RESERVED)
            names = tuple(sorted(there & set(features)))
            for piece in file.iter_batches(_PIECE, columns=[EXTERNAL_ID, TARGET, *names]):
                for row in piece.to_pylist():
                    contents.add(_digest(row, names, row[TARGET]))
                    if row[EXTERNAL_ID] is not None:
                        ids.add(row[EXTERNAL_ID])
    except FileNotFoundError:
        raise NotFound(f"The rows of snapshot {snapshot.id} are gone: {path.name}.") from None
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"Snapshot {snapshot.id} cannot be read ({error}).") from error
    return Seen(names, frozenset(ids), frozenset(contents))


def _digest(row: Features, names: Sequence[str], actual: float) -> bytes:
    """Return the same bytes for the same words and numbers, as number or as text."""
    values = [(name, as_text(row[name])) for name in names if row.get(name) is not None]
    content = msgspec.json.encode([values, round(actual, _DIGITS) + 0.0])
    return hashlib.blake2b(content, digest_size=16).digest()
