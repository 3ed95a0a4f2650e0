"""Waiting batches: each is stored as one row before it is answered, and moved into the log
later."""

from array import array
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.prediction import Batch, Column, split_id
from core.store.engine import schema
from core.store.engine.types import to_micros

_batches = schema.batches
_IDS_AT_ONCE = 500
_NUMBERS = "d"


class _Body(msgspec.Struct, array_like=True):
    """The values of a batch that take space; columns of numbers alone are packed as machine
    doubles."""

    features: dict[str, bytes | list[float | str | None]]
    unit_ids: list[str | None] | None
    scores: bytes
    lows: bytes | None
    highs: bytes | None


_decoder = msgspec.msgpack.Decoder(_Body)
_COLUMNS = ("key", "at", "version", "revision", "latency_ms", "n_rows", "body", "key_id")
INSERT_BATCH = (
    f"INSERT INTO batches ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{c}' for c in _COLUMNS)})"
)
"""Stores one batch in SQLite, with the parameters from `build_values`."""


def append_batches(conn: sa.Connection, batches: Sequence[Batch]) -> None:
    """Store batches until they are moved to the log."""
    if batches:
        rows = [build_values(batch) | {"at": batch.at} for batch in batches]
        conn.execute(_batches.insert(), rows)


def build_values(batch: Batch) -> dict[str, Any]:
    """Return the values of a batch by the columns of its SQLite table."""
    body = _Body(
        features={name: _pack(column) for name, column in batch.features.items()},
        unit_ids=None if batch.unit_ids is None else list(batch.unit_ids),
        scores=batch.scores.tobytes(),
        lows=None if batch.lows is None else batch.lows.tobytes(),
        highs=None if batch.highs is None else batch.highs.tobytes(),
    )
    return {
        "key": batch.key,
        "at": to_micros(batch.at),
        "version": batch.version,
        "revision": batch.revision,
        "latency_ms": batch.latency_ms,
        "n_rows": batch.n_rows,
        "body": msgspec.msgpack.encode(body),
        "key_id": batch.key_id,
    }


def count_rows(conn: sa.Connection) -> int:
    """Return the number of rows in waiting batches."""
    query = sa.select(sa.func.coalesce(sa.func.sum(_batches.c.n_rows), 0))
    return int(conn.execute(query).scalar_one())


def find_first_at(conn: sa.Connection) -> datetime | None:
    """Return the time at which the oldest waiting batch was received; None if none waits."""
    return conn.execute(sa.select(_batches.c.at).order_by(_batches.c.id).limit(1)).scalar()


def find_next_batch(conn: sa.Connection, after: int, upto: int) -> tuple[int, Batch] | None:
    """Return the oldest waiting batch with a number in (after, upto], and that number; None if
    there is none."""
    inside = sa.and_(_batches.c.id > after, _batches.c.id <= upto)
    row = conn.execute(
        sa.select(_batches).where(inside).order_by(_batches.c.id).limit(1)
    ).one_or_none()
    return None if row is None else (row.id, _batch(row))


def find_last_number(conn: sa.Connection) -> int:
    """Return the number of the newest waiting batch; 0 if none waits."""
    return conn.execute(sa.select(sa.func.max(_batches.c.id))).scalar() or 0


def remove_batch(conn: sa.Connection, number: int) -> bool:
    """Delete a batch, overwriting its bytes on disk; return False if it was deleted already."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete = ON")
    return conn.execute(_batches.delete().where(_batches.c.id == number)).rowcount == 1


def find_waiting(conn: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Return the ids that belong to rows of waiting batches."""
    split = {prediction_id: split_id(prediction_id) for prediction_id in ids}
    keys = sorted({key for key, _ in split.values()})
    n_rows: dict[str, int] = {}
    for start in range(0, len(keys), _IDS_AT_ONCE):
        query = sa.select(_batches.c.key, _batches.c.n_rows).where(
            _batches.c.key.in_(keys[start : start + _IDS_AT_ONCE])
        )
        n_rows |= {row.key: row.n_rows for row in conn.execute(query)}
    return {
        prediction_id
        for prediction_id, (key, place) in split.items()
        if 0 <= place < n_rows.get(key, 0)
    }


def find_batch_of(conn: sa.Connection, prediction_id: str) -> tuple[Batch, int] | None:
    """Return the waiting batch with the row of this id, and the row's index in it; None if there is
    none."""
    key, place = split_id(prediction_id)
    row = conn.execute(sa.select(_batches).where(_batches.c.key == key)).one_or_none()
    return None if row is None or not 0 <= place < row.n_rows else (_batch(row), place)


def _batch(row: Any) -> Batch:
    body = _decoder.decode(row.body)
    return Batch(
        key=row.key,
        at=row.at,
        version=row.version,
        revision=row.revision,
        latency_ms=row.latency_ms,
        features={name: _unpack(column) for name, column in body.features.items()},
        unit_ids=body.unit_ids,
        scores=array(_NUMBERS, body.scores),
        lows=None if body.lows is None else array(_NUMBERS, body.lows),
        highs=None if body.highs is None else array(_NUMBERS, body.highs),
        key_id=row.key_id,
    )


def _pack(column: Column) -> bytes | list[float | str | None]:
    return column.tobytes() if isinstance(column, array) else list(column)


def _unpack(column: bytes | list[float | str | None]) -> Column:
    return array(_NUMBERS, column) if isinstance(column, bytes) else column
