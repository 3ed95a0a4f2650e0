"""Requests that are not in the log, counted by minute, outcome, cause and caller."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.monitoring import HOUR, Unanswered, floor_time
from core.domain.prediction import AnswerSource, Route
from core.store.engine import schema
from core.store.engine.types import to_micros

_unanswered = schema.unanswered
_ADD = sa.text(
    "INSERT INTO unanswered (minute_at, route, source, cause, caller, n) "
    "VALUES (:minute_at, :route, :source, :cause, :caller, :n) "
    "ON CONFLICT (minute_at, route, source, cause, caller) "
    "DO UPDATE SET n = unanswered.n + excluded.n"
)
_BY_KEY = "key "  # how the caller of a request with a key begins


def add_unanswered(conn: sa.Connection, counts: Sequence[Unanswered]) -> None:
    """Add to what is counted; several processes add to the same minute."""
    if counts:
        conn.execute(
            _ADD,
            [
                {
                    "minute_at": to_micros(one.minute_at),
                    "route": one.route,
                    "source": one.source.value,
                    "cause": one.cause,
                    "caller": one.caller,
                    "n": one.n,
                }
                for one in counts
            ],
        )


def fold_unanswered(conn: sa.Connection, before_at: datetime) -> None:
    """Add up what was counted before a moment by its hour, and forget the addresses of its callers,
    so that years of refusals stay few rows and say of nobody where they called from."""
    old = sa.and_(
        _unanswered.c.minute_at < floor_time(before_at, HOUR),
        sa.or_(
            sa.type_coerce(_unanswered.c.minute_at, sa.BigInteger) % (HOUR * 1_000_000) > 0,
            sa.and_(_unanswered.c.caller != "", ~_unanswered.c.caller.startswith(_BY_KEY)),
        ),
    )
    found = [_build(row) for row in conn.execute(sa.select(_unanswered).where(old))]
    conn.execute(_unanswered.delete().where(old))
    add_unanswered(
        conn,
        [
            replace(
                one,
                minute_at=floor_time(one.minute_at, HOUR),
                caller=one.caller if one.caller.startswith(_BY_KEY) else "",
            )
            for one in found
        ],
    )


def find_last_at(conn: sa.Connection) -> datetime | None:
    """Return the newest minute with a request for predictions that is not in the log, or None."""
    query = sa.select(sa.func.max(_unanswered.c.minute_at)).where(
        _unanswered.c.route.in_([route.value for route in Route])
    )
    return conn.execute(query).scalar()


def load_unanswered(conn: sa.Connection, from_at: datetime, to_at: datetime) -> list[Unanswered]:
    """Return the counts of the minutes that start in [from_at, to_at), oldest first."""
    rows = conn.execute(
        sa.select(_unanswered)
        .where(_unanswered.c.minute_at >= from_at, _unanswered.c.minute_at < to_at)
        .order_by(*_unanswered.primary_key)
    )
    return [_build(row) for row in rows]


def _build(row: Any) -> Unanswered:
    source = AnswerSource(row.source)
    return Unanswered(row.minute_at, row.route, source, row.cause, row.caller, row.n)
