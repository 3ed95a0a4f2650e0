"""Rollups: the counts of each minute, written again whole when a minute is measured again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.prediction import Source
from core.domain.rollup import Rollup
from core.store import schema

_rollups = schema.rollups


def save_rollups(
    conn: sa.Connection, from_at: datetime, to_at: datetime, rollups: Sequence[Rollup]
) -> None:
    """Replace the rollups of the minutes in [from_at, to_at) by these."""
    conn.execute(
        _rollups.delete().where(_rollups.c.minute_at >= from_at, _rollups.c.minute_at < to_at)
    )
    if rollups:
        conn.execute(_rollups.insert(), [_values(rollup) for rollup in rollups])


def find_last_minute(conn: sa.Connection) -> datetime | None:
    """The newest minute that has a rollup, or None."""
    query = sa.select(_rollups.c.minute_at).order_by(_rollups.c.minute_at.desc()).limit(1)
    return conn.execute(query).scalar()


def load_rollups(conn: sa.Connection, from_at: datetime, to_at: datetime) -> list[Rollup]:
    """The rollups of the minutes in [from_at, to_at), oldest first."""
    rows = conn.execute(
        sa.select(_rollups)
        .where(_rollups.c.minute_at >= from_at, _rollups.c.minute_at < to_at)
        .order_by(_rollups.c.minute_at, _rollups.c.version, _rollups.c.source)
    )
    return [_rollup(row) for row in rows]


def _values(rollup: Rollup) -> dict[str, Any]:
    return {
        "minute_at": rollup.minute_at,
        "version": rollup.version,
        "source": rollup.source.value,
        "n": rollup.n,
        "latency": rollup.latency,
        "scores": rollup.scores,
    }


def _rollup(row: Any) -> Rollup:
    return Rollup(
        minute_at=row.minute_at,
        version=row.version,
        source=Source(row.source),
        n=row.n,
        latency={int(bucket): n for bucket, n in row.latency.items()},
        scores={int(bucket): n for bucket, n in row.scores.items()},
    )
