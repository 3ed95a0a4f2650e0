"""Widenings: what became of the width of each version's intervals, a row for each change."""

import sqlalchemy as sa

from core.domain.widening import Widening
from core.store import schema

_widenings = schema.widenings


def append_widening(conn: sa.Connection, widening: Widening) -> None:
    """Let a version's intervals be so wide from now on."""
    conn.execute(
        _widenings.insert().values(
            version=widening.version,
            at=widening.at,
            factor=widening.factor,
            n_labels=widening.n_labels,
            n_inside=widening.n_inside,
            since_at=widening.since_at,
        )
    )


def find_widening(conn: sa.Connection, version: int) -> Widening | None:
    """What is in force for a version; None where its width never changed."""
    query = (
        sa.select(_widenings)
        .where(_widenings.c.version == version)
        .order_by(_widenings.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    if row is None:
        return None
    return Widening(row.version, row.at, row.factor, row.n_labels, row.n_inside, row.since_at)


def find_factor(conn: sa.Connection, version: int) -> float:
    """How many times as wide as training found a version's intervals are to be."""
    widening = find_widening(conn, version)
    return 1.0 if widening is None else widening.factor
