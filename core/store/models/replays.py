"""Replays: the log read in pieces, and the results of scoring it again."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.deployment import Recorded, Replay, ReplayReport
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.predictions.predictions import read_prediction

_replays = schema.replays
_predictions = schema.predictions
_labels = schema.labels
_PIECE = 2_000


def append_replay(
    conn: sa.Connection, *, version: int, days: float, report: ReplayReport, by: str, now: datetime
) -> Replay:
    """Append the result of a replay."""
    result = conn.execute(
        _replays.insert()
        .values(at=now, by=by, version=version, days=days, report=report)
        .returning(_replays.c.id)
    )
    return Replay(int(result.scalar_one()), now, by, version, days, report)


def find_newest_replay(conn: sa.Connection, version: int) -> Replay | None:
    """Return the newest replay of a version, or None."""
    query = (
        sa.select(_replays)
        .where(_replays.c.version == version)
        .order_by(_replays.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _replay(row)


def count_recorded(conn: sa.Connection, since_at: datetime) -> int:
    """Return the number of requests that were logged since a moment."""
    query = sa.select(sa.func.count()).where(_predictions.c.at >= since_at)
    return int(conn.execute(query).scalar_one())


def stream_recorded(db: Database, since_at: datetime) -> Iterator[list[Recorded]]:
    """Yield the requests since a moment with their valid labels, oldest first, in pieces. Each
    piece is a read of its own, so that none holds the log for long; newer requests are left out."""
    with db.read() as conn:
        last = conn.execute(sa.select(sa.func.max(_predictions.c.seq))).scalar() or 0
        first = conn.execute(
            sa.select(sa.func.min(_predictions.c.seq)).where(_predictions.c.at >= since_at)
        ).scalar()
    done = last if first is None else first - 1
    while done < last:
        with db.read() as conn:
            rows = conn.execute(_recorded(since_at, done, last)).all()
        if not rows:
            return
        done = rows[-1].seq
        yield [Recorded(read_prediction(row), row.actual) for row in rows]


def _recorded(since_at: datetime, after: int, last: int) -> sa.Select[Any]:
    newest = (
        sa.select(_labels.c.actual)
        .where(_labels.c.prediction_id == _predictions.c.id)
        .order_by(_labels.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(_predictions, newest.label("actual"))
        .where(
            _predictions.c.seq > after, _predictions.c.seq <= last, _predictions.c.at >= since_at
        )
        .order_by(_predictions.c.seq)
        .limit(_PIECE)
    )


def _replay(row: Any) -> Replay:
    report = msgspec.convert(row.report, ReplayReport)
    return Replay(row.id, row.at, row.by, row.version, row.days, report)
