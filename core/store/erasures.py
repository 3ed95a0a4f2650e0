"""Erasures: rows and what predictions were asked, deleted for good, and the notes that stay."""

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.erasure import Erasure, Kind, Trace
from core.store import schema
from core.store.history import remove_history
from core.store.pair_sums import remove_checkpoints

_samples = schema.samples
_predictions = schema.predictions
_snapshots = schema.snapshots
_versions = schema.versions
_erasures = schema.erasures


def count_rows(conn: sa.Connection, kind: Kind, name: str) -> tuple[int, int]:
    """How many samples, visible or not, and predictions carry the name."""
    samples = sa.select(sa.func.count()).select_from(_samples).where(_of_sample(kind, name))
    asked = sa.select(sa.func.count()).select_from(_predictions)
    asked = asked.where(_of_prediction(kind, name), _holds_something)
    return conn.execute(samples).scalar_one(), conn.execute(asked).scalar_one()


def delete_rows(conn: sa.Connection, kind: Kind, name: str) -> None:
    """Delete the samples, and of the predictions what was asked: their scores stay."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete = ON")  # overwritten, not only given free
    remove_history(conn, sa.select(_samples.c.id).where(_of_sample(kind, name)))
    conn.execute(_samples.delete().where(_of_sample(kind, name)))
    conn.execute(
        _predictions.update()
        .where(_of_prediction(kind, name))
        .values(features={}, text=None, unit_id=None)
    )
    remove_checkpoints(conn)


def load_versions_of(conn: sa.Connection, snapshot_id: int) -> tuple[int, ...]:
    """The versions that learned from a snapshot."""
    query = sa.select(_versions.c.number).where(_versions.c.snapshot_id == snapshot_id)
    return tuple(conn.execute(query.order_by(_versions.c.number)).scalars())


def replace_file(conn: sa.Connection, snapshot_id: int, path: str, file_hash: str) -> None:
    """From now on a snapshot's rows, without those that were deleted, are in another file."""
    conn.execute(
        _snapshots.update()
        .where(_snapshots.c.id == snapshot_id)
        .values(path=path, file_hash=file_hash)
    )


def append_erasure(conn: sa.Connection, erasure: Erasure) -> None:
    """Keep the note."""
    conn.execute(
        _erasures.insert().values(
            at=erasure.at,
            by=erasure.by,
            reason=erasure.reason,
            found=erasure.found,
            old_files=list(erasure.old_files),
        )
    )


def load_erasures(conn: sa.Connection) -> list[Erasure]:
    """Every note, newest first."""
    rows = conn.execute(sa.select(_erasures).order_by(_erasures.c.id.desc()))
    return [_erasure(row) for row in rows]


_holds_something = sa.or_(
    sa.type_coerce(_predictions.c.features, sa.Text) != "{}", _predictions.c.text.is_not(None)
)


def _of_sample(kind: Kind, name: str) -> sa.ColumnElement[bool]:
    column: Mapping[Kind, Any] = {
        Kind.ID: _samples.c.external_id,
        Kind.GROUP: _samples.c.group_key,
    }
    return sa.and_(column[kind] == name)


def _of_prediction(kind: Kind, name: str) -> sa.ColumnElement[bool]:
    column: Mapping[Kind, Any] = {Kind.ID: _predictions.c.id, Kind.GROUP: _predictions.c.unit_id}
    return sa.and_(column[kind] == name)


def _erasure(row: Any) -> Erasure:
    return Erasure(
        at=row.at,
        by=row.by,
        reason=row.reason,
        found=msgspec.convert(row.found, Trace),
        old_files=tuple(row.old_files),
    )
