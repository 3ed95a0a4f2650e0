"""Snapshots: appended once for each content, never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.dataset import Snapshot
from core.errors import NotFound
from core.store.engine import schema

_snapshots = schema.snapshots


def append_snapshot(
    conn: sa.Connection,
    *,
    content_hash: str,
    path: str,
    n_rows: int,
    n_synthetic: int,
    columns: tuple[str, ...],
    query: Mapping[str, object],
    first_at: datetime | None,
    last_at: datetime | None,
    by: str,
    now: datetime,
) -> Snapshot:
    """Record a snapshot and return it. One with the same content is returned instead, complete
    again if deleted rows came back."""
    existing = find_snapshot(conn, content_hash)
    if existing is not None:
        whole = _snapshots.update().where(_snapshots.c.id == existing.id)
        conn.execute(whole.values(path=path, file_hash=None))
        return get_snapshot(conn, existing.id)
    result = conn.execute(
        _snapshots.insert()
        .values(
            content_hash=content_hash,
            path=path,
            n_rows=n_rows,
            n_synthetic=n_synthetic,
            columns=list(columns),
            query=dict(query),
            first_at=first_at,
            last_at=last_at,
            created_at=now,
            created_by=by,
        )
        .returning(_snapshots.c.id)
    )
    return get_snapshot(conn, int(result.scalar_one()))


def find_snapshot(conn: sa.Connection, content_hash: str) -> Snapshot | None:
    """Return the snapshot with this content, or None."""
    query = sa.select(_snapshots).where(_snapshots.c.content_hash == content_hash)
    row = conn.execute(query).one_or_none()
    return None if row is None else _snapshot(row)


def get_snapshot(conn: sa.Connection, snapshot_id: int) -> Snapshot:
    """Return a snapshot; raises `NotFound`."""
    row = conn.execute(sa.select(_snapshots).where(_snapshots.c.id == snapshot_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no snapshot {snapshot_id}.")
    return _snapshot(row)


def load_snapshots(conn: sa.Connection, limit: int) -> list[Snapshot]:
    """Return the newest snapshots, newest first."""
    rows = conn.execute(sa.select(_snapshots).order_by(_snapshots.c.id.desc()).limit(limit))
    return [_snapshot(row) for row in rows]


def _snapshot(row: Any) -> Snapshot:
    return Snapshot(
        id=row.id,
        content_hash=row.content_hash,
        path=row.path,
        n_rows=row.n_rows,
        n_synthetic=row.n_synthetic,
        columns=tuple(row.columns),
        query=row.query,
        first_at=row.first_at,
        last_at=row.last_at,
        created_at=row.created_at,
        created_by=row.created_by,
        file_hash=row.file_hash,
    )
