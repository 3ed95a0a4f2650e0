"""Collections and their samples: appended in pieces, visible once the collection is finished."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.sample import Collection, Provenance, Rejection, Sample, SampleCounts
from core.errors import Conflict, NotFound
from core.store.data.history import add_history, drop_history, publish_history, remove_history
from core.store.data.sample_values import COLUMNS, Row, build_rows, find_key, find_place, list_fresh
from core.store.engine import schema
from core.store.engine.database import insert_rows

MAX_KEPT_REJECTIONS = 1000
_PIECE = 2000
_PROVENANCES = {provenance.value: provenance for provenance in Provenance}

_TAKEN_OVER = ("collection_id", "source", "provenance", "labelled_at")
_ON_CONFLICT = f"""
ON CONFLICT (key) DO UPDATE SET
    superseded_at = NULL, {", ".join(f"{name} = excluded.{name}" for name in _TAKEN_OVER)}
WHERE samples.collection_id <> excluded.collection_id AND (
    samples.superseded_at IS NOT NULL
    OR NOT EXISTS (
        SELECT 1 FROM collections
        WHERE collections.id = samples.collection_id AND collections.finished_at IS NOT NULL))
"""
"""Adds a row, or takes it over from a dead collection or a corrected row; a visible row, or one of
this collection, stays and does not count."""

_samples = schema.samples
_collections = schema.collections
_visible = sa.and_(
    _samples.c.superseded_at.is_(None),
    _samples.c.collection_id.in_(
        sa.select(_collections.c.id).where(_collections.c.finished_at.is_not(None))
    ),
)

_VISIBLE_SAMPLES = sa.select(
    _samples.c.key,
    _samples.c.source,
    _samples.c.provenance,
    _samples.c.features,
    _samples.c.target,
    _samples.c.at,
    _samples.c.text,
    _samples.c.group_key,
    _samples.c.external_id,
    _samples.c.labelled_at,
).where(_visible)
"""The key of each visible row, then the values of its `Sample`."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """Collections whose rows a new one replaces, except those that it brought again."""

    collection_ids: Sequence[int]
    kept_ids: Sequence[int]


def start_collection(
    conn: sa.Connection, source: str, mapping: Mapping[str, object], by: str, now: datetime
) -> int:
    """Open a collection and return its id; `mapping` records how rows were read."""
    result = conn.execute(
        _collections.insert()
        .values(
            source=source,
            started_at=now,
            started_by=by,
            n_received=0,
            n_new=0,
            n_duplicate=0,
            n_rejected=0,
            rejected=[],
            mapping=dict(mapping),
        )
        .returning(_collections.c.id)
    )
    return int(result.scalar_one())


def append_samples(conn: sa.Connection, collection_id: int, samples: Sequence[Sample]) -> int:
    """Add rows to an open collection; return the number of new ones. The others are duplicates:
    visible already, or twice in this collection."""
    return add_rows(conn, collection_id, build_rows(collection_id, samples))


def add_rows(conn: sa.Connection, collection_id: int, rows: Sequence[Row]) -> int:
    """Add rows as `append_samples` does, from rows that are built already."""
    once = list({row[0]: row for row in reversed(rows)}.values())
    once.reverse()  # each key once, the first of them
    newest = conn.execute(sa.select(sa.func.max(_samples.c.id))).scalar() or 0
    n_written = insert_rows(conn, "samples", COLUMNS, once, _ON_CONFLICT)
    inserted = sa.select(_samples.c.key, _samples.c.id).where(_samples.c.id > newest)
    ids = dict(conn.execute(inserted).all())  # cheaper than what the statement could return
    if n_written > len(ids):
        left = [row[0] for row in once if row[0] not in ids]
        ids |= _find_taken_over(conn, collection_id, left)
    add_history(conn, collection_id, list_fresh(once, ids))
    return n_written


def finish_collection(
    conn: sa.Connection,
    collection_id: int,
    *,
    n_received: int,
    n_new: int,
    n_duplicate: int,
    rejected: Sequence[Rejection],
    n_rejected: int,
    now: datetime,
    replaced: Replaced | None = None,
) -> int:
    """Make the rows of a collection visible; return the number of older rows replaced. A row
    replaces an older one of the same source and id, and the collection replaces all of `replaces`.
    Raises `Conflict` if another collection took over some of its rows meanwhile, since they would
    disappear with that one."""
    n_here = conn.execute(
        sa.select(sa.func.count()).where(_samples.c.collection_id == collection_id)
    ).scalar_one()
    if n_here != n_new:
        raise Conflict(
            f"Another import brought {n_new - n_here:,} of the same rows at the same time: this "
            "one was not finished. Import again when the other has ended."
        )
    n_replaced = 0 if replaced is None else _supersede(conn, replaced, now)
    _supersede_older(conn, collection_id, now)
    conn.execute(
        _collections.update()
        .where(_collections.c.id == collection_id)
        .values(
            finished_at=now,
            n_received=n_received,
            n_new=n_new,
            n_duplicate=n_duplicate,
            n_rejected=n_rejected,
            rejected=[
                {"row": rejection.row, "message": rejection.message, "code": rejection.code}
                for rejection in rejected[:MAX_KEPT_REJECTIONS]
            ],
        )
    )
    publish_history(conn, collection_id)
    return n_replaced


def save_odd_values(conn: sa.Connection, collection_id: int, n_odd: Mapping[str, int]) -> None:
    """Add to how the rows of a collection were read the number of values of each feature that did
    not fit it and count as missing."""
    mapping = get_collection(conn, collection_id).mapping
    conn.execute(
        _collections.update()
        .where(_collections.c.id == collection_id)
        .values(mapping={**mapping, "odd_values": dict(n_odd)})
    )


def find_standing(
    conn: sa.Connection, collection_ids: Sequence[int], samples: Sequence[Sample]
) -> list[int]:
    """Return the ids of visible rows of these collections with the content of one of the
    samples."""
    places = [row[0] for row in build_rows(0, samples)]
    query = sa.select(_samples.c.id, _samples.c.collection_id).where(
        _samples.c.key.in_(places),
        _samples.c.superseded_at.is_(None),
    )
    wanted = set(collection_ids)
    return [row.id for row in conn.execute(query) if row.collection_id in wanted]


def count_repeated_ids(conn: sa.Connection, collection_id: int) -> int:
    """Return the number of rows in a collection that repeat the id of another of its rows."""
    query = sa.select(
        sa.func.count(_samples.c.external_id) - sa.func.count(sa.distinct(_samples.c.external_id))
    ).where(_samples.c.collection_id == collection_id)
    return int(conn.execute(query).scalar_one())


def fail_collection(conn: sa.Connection, collection_id: int, error: str) -> None:
    """Record why a collection failed; its rows stay invisible until a later one brings them
    again."""
    drop_history(conn, collection_id)
    conn.execute(
        _collections.update().where(_collections.c.id == collection_id).values(error=error)
    )


def get_collection(conn: sa.Connection, collection_id: int) -> Collection:
    """Return a collection; raises `NotFound`."""
    row = conn.execute(
        sa.select(_collections).where(_collections.c.id == collection_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no collection {collection_id}.")
    return _collection(row)


def load_collections(
    conn: sa.Connection, limit: int, source: str | None = None
) -> list[Collection]:
    """Return the newest collections, newest first, of all sources unless one is named."""
    query = sa.select(_collections).order_by(_collections.c.id.desc()).limit(limit)
    if source is not None:
        query = query.where(_collections.c.source == source)
    return [_collection(row) for row in conn.execute(query)]


def load_newest_collections(conn: sa.Connection, n_each: int, limit: int) -> list[Collection]:
    """Return the newest finished and unfinished collections of each source, newest first, so that a
    frequent source hides no other."""
    place = sa.func.row_number().over(
        partition_by=(_collections.c.source, _collections.c.finished_at.is_(None)),
        order_by=_collections.c.id.desc(),
    )
    ranked = sa.select(_collections.c.id, place.label("place")).subquery()
    newest = sa.select(ranked.c.id).where(ranked.c.place <= n_each)
    query = sa.select(_collections).where(_collections.c.id.in_(newest))
    rows = conn.execute(query.order_by(_collections.c.id.desc()).limit(limit))
    return [_collection(row) for row in rows]


def count_samples(conn: sa.Connection) -> list[SampleCounts]:
    """Count the visible rows by source and provenance."""
    rows = conn.execute(
        sa.select(
            _samples.c.source,
            _samples.c.provenance,
            sa.func.count().label("n_rows"),
            sa.func.min(_samples.c.at).label("first_at"),
            sa.func.max(_samples.c.at).label("last_at"),
        )
        .where(_visible)
        .group_by(_samples.c.source, _samples.c.provenance)
        .order_by(_samples.c.source, _samples.c.provenance)
    )
    return [
        SampleCounts(
            source=row.source,
            provenance=Provenance(row.provenance),
            n_rows=row.n_rows,
            first_at=row.first_at,
            last_at=row.last_at,
        )
        for row in rows
    ]


def stream_pieces(
    conn: sa.Connection,
    sources: Sequence[str] | None = None,
    provenances: Sequence[Provenance] | None = None,
) -> Iterator[list[tuple[str, Sample]]]:
    """Yield the visible rows with their keys, by time and then key, a few thousand at a time; all
    sources and provenances unless named."""
    query = _VISIBLE_SAMPLES.order_by(_samples.c.key)
    if sources is not None:
        query = query.where(_samples.c.source.in_(sources))
    if provenances is not None:
        query = query.where(_samples.c.provenance.in_([p.value for p in provenances]))
    rows = conn.execution_options(yield_per=_PIECE).execute(query)
    for part in rows.partitions(_PIECE):
        yield [_sample(row) for row in part]


def load_by_keys(
    conn: sa.Connection, keys: Sequence[tuple[datetime | None, str]]
) -> dict[str, Sample]:
    """Return the visible rows with some keys, each given with its time; missing or replaced rows
    are left out."""
    places = [find_place(at, key) for at, key in keys]
    rows = conn.execute(_VISIBLE_SAMPLES.where(_samples.c.key.in_(places)))
    return dict(map(_sample, rows))


def _find_taken_over(
    conn: sa.Connection, collection_id: int, keys: Sequence[str]
) -> dict[str, int]:
    """Return the ids of those rows that stand in a collection, by key."""
    ids: dict[str, int] = {}
    for start in range(0, len(keys), _PIECE):
        query = sa.select(_samples.c.key, _samples.c.id).where(
            _samples.c.key.in_(keys[start : start + _PIECE]),
            _samples.c.collection_id == collection_id,
        )
        ids.update(conn.execute(query).all())
    return ids


def _supersede_older(conn: sa.Connection, collection_id: int, now: datetime) -> None:
    """Let the rows of a collection replace those of the same source and id; of several in it, the
    last."""
    older = _samples.alias("older")
    same_id = sa.and_(
        older.c.source == _samples.c.source, older.c.external_id == _samples.c.external_id
    )
    came_before = sa.or_(
        older.c.collection_id != _samples.c.collection_id, older.c.id < _samples.c.id
    )
    query = (
        sa.select(older.c.id)
        .distinct()
        .join(_samples, same_id)
        .where(
            _samples.c.collection_id == collection_id,
            _samples.c.external_id.is_not(None),
            older.c.superseded_at.is_(None),
            older.c.id != _samples.c.id,
            came_before,
        )
    )
    if conn.execute(query.limit(1)).first() is not None:
        remove_history(conn, query)
        conn.execute(_samples.update().where(_samples.c.id.in_(query)).values(superseded_at=now))


def _supersede(conn: sa.Connection, replaced: Replaced, now: datetime) -> int:
    theirs = _samples.c.collection_id.in_(replaced.collection_ids)
    in_force = sa.and_(theirs, _samples.c.superseded_at.is_(None))
    ended = conn.execute(_samples.update().where(in_force).values(superseded_at=now))
    for start in range(0, len(replaced.kept_ids), _PIECE):
        kept = _samples.c.id.in_(replaced.kept_ids[start : start + _PIECE])
        conn.execute(_samples.update().where(kept).values(superseded_at=None))
    gone = sa.and_(theirs, _samples.c.superseded_at == now)
    remove_history(conn, sa.select(_samples.c.id).where(gone))
    return int(ended.rowcount) - len(replaced.kept_ids)


def _sample(row: Any) -> tuple[str, Sample]:
    place, source, provenance, *rest = row
    return find_key(place), Sample(source, _PROVENANCES[provenance], *rest)


def _collection(row: Any) -> Collection:
    return Collection(
        id=row.id,
        source=row.source,
        started_at=row.started_at,
        started_by=row.started_by,
        finished_at=row.finished_at,
        n_received=row.n_received,
        n_new=row.n_new,
        n_duplicate=row.n_duplicate,
        n_rejected=row.n_rejected,
        rejected=tuple(Rejection(**item) for item in row.rejected),
        mapping=row.mapping,
        error=row.error,
    )
