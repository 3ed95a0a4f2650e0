"""Sources: the position of each under the number of its attempt; and mappings, appended."""

from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from core.domain.source import CollectionOutcome, MappingChange, Reading, Source, Watermark
from core.errors import Conflict
from core.store.engine import schema

_sources = schema.sources
_mappings = schema.table_mappings
_T = TypeVar("_T")


def begin_attempt(
    conn: sa.Connection, name: str, mapping: dict[str, object], now: datetime
) -> Source:
    """Claim a source: the attempt before this one cannot save any more. With another mapping than
    last time, all of the source is read again."""
    source = find_source(conn, name)
    if source is None:
        source = Source(name, mapping, attempt=1, started_at=now)
        conn.execute(_sources.insert().values(_values(source)))
        return source
    if dict(source.mapping) != mapping:
        source = replace(source, mapping=mapping, watermark=None, reading=None)
    source = replace(source, attempt=source.attempt + 1, started_at=now, finished_at=None)
    _update(conn, source.attempt - 1, source)
    return source


def save_source(conn: sa.Connection, source: Source) -> None:
    """Save the position of an attempt; raises `Conflict` if a later one has begun."""
    _update(conn, source.attempt, source)


def find_source(conn: sa.Connection, name: str) -> Source | None:
    """Return a source, or None before its first attempt."""
    row = conn.execute(sa.select(_sources).where(_sources.c.name == name)).one_or_none()
    return None if row is None else _source(row)


def load_sources(conn: sa.Connection) -> list[Source]:
    """Return every source that was ever attempted, by name."""
    return [_source(row) for row in conn.execute(sa.select(_sources).order_by(_sources.c.name))]


def delete_source(conn: sa.Connection, name: str) -> None:
    """Delete the position of a source; an attempt in progress cannot save any more."""
    conn.execute(_sources.delete().where(_sources.c.name == name))


def append_mapping(conn: sa.Connection, change: MappingChange) -> int:
    """Append the mapping of a table, and return its number; None stops its collection."""
    result = conn.execute(
        _mappings.insert()
        .values(
            table_name=change.table,
            mapping=change.mapping,
            at=change.at,
            by=change.by,
            reason=change.reason,
        )
        .returning(_mappings.c.id)
    )
    return int(result.scalar_one())


def load_mappings(conn: sa.Connection) -> list[MappingChange]:
    """Return the newest mapping of each table, by its name."""
    newest = sa.select(sa.func.max(_mappings.c.id)).group_by(_mappings.c.table_name)
    rows = conn.execute(
        sa.select(_mappings).where(_mappings.c.id.in_(newest)).order_by(_mappings.c.table_name)
    )
    return [MappingChange(row.table_name, row.mapping, row.at, row.by, row.reason) for row in rows]


def _update(conn: sa.Connection, attempt: int, source: Source) -> None:
    found = conn.execute(
        _sources.update()
        .where(_sources.c.name == source.name, _sources.c.attempt == attempt)
        .values(_values(source))
    )
    if found.rowcount != 1:
        raise Conflict(
            f"Another process has begun to collect '{source.name}' and goes on with it: this one "
            "stopped. Nothing is lost."
        )


def _values(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "mapping": dict(source.mapping),
        "attempt": source.attempt,
        "started_at": source.started_at,
        "finished_at": source.finished_at,
        "watermark": source.watermark,
        "reading": source.reading,
        "outcome": None if source.outcome is None else source.outcome.value,
        "message": source.message,
        "n_received": source.n_received,
        "n_new": source.n_new,
    }


def _source(row: Any) -> Source:
    return Source(
        name=row.name,
        mapping=row.mapping,
        attempt=row.attempt,
        started_at=row.started_at,
        finished_at=row.finished_at,
        watermark=_read(row.watermark, Watermark),
        reading=_read(row.reading, Reading),
        outcome=None if row.outcome is None else CollectionOutcome(row.outcome),
        message=row.message,
        n_received=row.n_received,
        n_new=row.n_new,
    )


def _read(value: Any, kind: type[_T]) -> _T | None:
    return None if value is None else msgspec.convert(value, kind)
