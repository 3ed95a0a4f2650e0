"""Files read from the watched folder: appended; the newest row of a name counts."""

from typing import Any

import sqlalchemy as sa

from core.domain.source import Look, WatchedFile
from core.store.engine import schema

_files = schema.watched_files
_attempts = schema.watched_attempts


def begin_attempt(conn: sa.Connection, look: Look, n: int) -> None:
    """Record the n-th attempt to read a file, before it is read."""
    end_attempt(conn, look.name)
    conn.execute(
        _attempts.insert().values(
            name=look.name, n_bytes=look.n_bytes, modified_ns=look.modified_ns, n=n
        )
    )


def end_attempt(conn: sa.Connection, name: str) -> None:
    """Record that the process outlived the reading of a file."""
    conn.execute(_attempts.delete().where(_attempts.c.name == name))


def load_attempts(conn: sa.Connection) -> dict[Look, int]:
    """Count the attempts to read each file that did not end."""
    rows = conn.execute(sa.select(_attempts))
    return {Look(row.name, row.n_bytes, row.modified_ns): row.n for row in rows}


def append_file(conn: sa.Connection, file: WatchedFile) -> None:
    """Append the outcome of a file and end its attempt."""
    end_attempt(conn, file.look.name)
    conn.execute(
        _files.insert().values(
            name=file.look.name,
            n_bytes=file.look.n_bytes,
            modified_ns=file.look.modified_ns,
            content_hash=file.content_hash,
            at=file.at,
            n_received=file.n_received,
            n_new=file.n_new,
            error=file.error,
        )
    )


def load_files(conn: sa.Connection) -> dict[str, WatchedFile]:
    """Return the last outcome of each file, by its name."""
    newest = sa.select(sa.func.max(_files.c.id)).group_by(_files.c.name)
    rows = conn.execute(sa.select(_files).where(_files.c.id.in_(newest)))
    return {row.name: _file(row) for row in rows}


def find_import(conn: sa.Connection, content_hash: str) -> WatchedFile | None:
    """Return the file, of any name, with exactly this content that was imported, or None."""
    query = sa.select(_files).where(_files.c.content_hash == content_hash, _files.c.error.is_(None))
    row = conn.execute(query.order_by(_files.c.id).limit(1)).one_or_none()
    return None if row is None else _file(row)


def _file(row: Any) -> WatchedFile:
    return WatchedFile(
        look=Look(row.name, row.n_bytes, row.modified_ns),
        content_hash=row.content_hash,
        at=row.at,
        n_received=row.n_received,
        n_new=row.n_new,
        error=row.error,
    )
