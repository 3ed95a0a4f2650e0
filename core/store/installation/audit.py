"""The audit: entries are appended, each in the transaction of what it tells; none is changed."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.actor import Act, AuditEntry, AuditOutcome, Decider, Role
from core.store.engine import schema

_audit = schema.audit
_PIECE = 1_000


def append_entry(conn: sa.Connection, entry: AuditEntry) -> None:
    """Append an entry under the number that it has."""
    conn.execute(_audit.insert().values(**asdict(entry)))


def find_end(conn: sa.Connection) -> tuple[int, str] | None:
    """Return the number and the chain of the newest entry, or None without entries."""
    query = sa.select(_audit.c.id, _audit.c.chain).order_by(_audit.c.id.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else (row.id, row.chain)


def stream_entries(conn: sa.Connection) -> Iterator[AuditEntry]:
    """Yield every entry, oldest first, a piece in memory at a time."""
    last = 0
    while True:
        query = sa.select(_audit).where(_audit.c.id > last).order_by(_audit.c.id).limit(_PIECE)
        rows = conn.execute(query).all()
        yield from (_entry(row) for row in rows)
        if len(rows) < _PIECE:
            return
        last = rows[-1].id


def search_entries(
    conn: sa.Connection,
    text: str,
    *,
    since: datetime | None = None,
    outcome: AuditOutcome | None = None,
    limit: int = 200,
) -> list[AuditEntry]:
    """Return the newest entries that hold a text in who, what, which or why; newest first."""
    query = sa.select(_audit).order_by(_audit.c.id.desc()).limit(limit)
    if outcome is not None:
        query = query.where(_audit.c.outcome == outcome.value)
    if since is not None:
        query = query.where(_audit.c.at >= since)
    if text:
        columns = (_audit.c.by, _audit.c.via, _audit.c.act, _audit.c.target, _audit.c.reason)
        query = query.where(
            sa.or_(*(column.icontains(text, autoescape=True) for column in columns))
        )
    return [_entry(row) for row in conn.execute(query)]


def read_row(conn: sa.Connection, decider: Decider, number: int) -> Mapping[str, object]:
    """Return the columns of a row by name. Raises `sqlalchemy.exc.NoResultFound` without one."""
    table, column = _find_table(decider)
    return dict(conn.execute(sa.select(table).where(column == number)).mappings().one())


def stream_rows(
    conn: sa.Connection, decider: Decider
) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the number and the columns of each row of a table, in their order."""
    table, column = _find_table(decider)
    for row in conn.execute(sa.select(table).order_by(column)).mappings():
        yield int(row[column.name]), dict(row)


def _find_table(decider: Decider) -> tuple[sa.Table, sa.Column[Any]]:
    table = schema.metadata.tables[decider.value]
    (column,) = table.primary_key.columns
    return table, column


def _entry(row: Any) -> AuditEntry:
    values = dict(row._mapping)
    values["role"] = Role(row.role)
    values["act"] = Act(row.act)
    values["outcome"] = AuditOutcome(row.outcome)
    values["row_table"] = None if row.row_table is None else Decider(row.row_table)
    return AuditEntry(**values)
