"""Snapshot files that an erasure replaced: removed from the disk, whatever ended the erasure."""

from pathlib import Path

from core.paths import is_name
from core.store import erasures
from core.store import snapshots as snapshot_rows
from core.store.database import Database

MAX_SNAPSHOTS = 1_000_000


def remove_old_files(db: Database, folder: Path) -> None:
    """Remove the files that erasures replaced, but for those that a snapshot names again."""
    with db.read() as conn:
        notes = erasures.load_erasures(conn)
        named = {Path(one.path).name for one in snapshot_rows.load_snapshots(conn, MAX_SNAPSHOTS)}
    for name in {name for note in notes for name in note.old_files} - named:
        if is_name(name):
            (folder / name).unlink(missing_ok=True)
