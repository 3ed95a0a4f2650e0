"""The alpha ledger: a row for each gate that compared a version with the champion."""

from datetime import datetime

import sqlalchemy as sa

from core.domain.installation import AlphaSpending
from core.store.engine import schema

_spendings = schema.alpha_spendings


def append_spending(conn: sa.Connection, spending: AlphaSpending) -> None:
    """Keep what a gate spent."""
    conn.execute(
        _spendings.insert().values(
            version=spending.version,
            champion=spending.champion,
            alpha=spending.alpha,
            at=spending.at,
        )
    )


def load_spendings(conn: sa.Connection, since: datetime) -> list[AlphaSpending]:
    """What was spent after a moment, newest first."""
    rows = conn.execute(
        sa.select(_spendings).where(_spendings.c.at > since).order_by(_spendings.c.version.desc())
    )
    return [AlphaSpending(row.version, row.champion, row.alpha, row.at) for row in rows]
