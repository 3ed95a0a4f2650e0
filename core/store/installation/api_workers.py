"""API workers: one row each, which it writes anew; old ones go with the next that is written."""

from datetime import timedelta

import msgspec
import sqlalchemy as sa

from core.domain.installation import ApiWorker
from core.store.engine import schema

_KEPT = timedelta(days=1)

_workers = schema.api_workers


def save_worker(conn: sa.Connection, worker: ApiWorker) -> None:
    """Keep what a worker says now in place of what it said before, and forget those that have been
    silent for a day."""
    conn.execute(
        _workers.delete().where(
            sa.or_(_workers.c.name == worker.name, _workers.c.at < worker.at - _KEPT)
        )
    )
    conn.execute(_workers.insert().values(name=worker.name, at=worker.at, said=worker))


def load_workers(conn: sa.Connection) -> list[ApiWorker]:
    """What each worker said last, the newest first."""
    query = sa.select(_workers.c.said).order_by(_workers.c.at.desc(), _workers.c.name)
    return [msgspec.convert(said, ApiWorker) for said in conn.execute(query).scalars()]
