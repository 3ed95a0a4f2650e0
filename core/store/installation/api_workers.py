"""API workers: one row each, which it overwrites; each write deletes rows that are too old."""

from datetime import timedelta

import msgspec
import sqlalchemy as sa

from core.domain.installation import ApiWorker
from core.store.engine import schema

_KEPT = timedelta(days=1)

_workers = schema.api_workers


def save_worker(conn: sa.Connection, worker: ApiWorker) -> None:
    """Save a worker's report in place of its last one, and delete workers that are silent for a
    day."""
    conn.execute(
        _workers.delete().where(
            sa.or_(_workers.c.name == worker.name, _workers.c.at < worker.at - _KEPT)
        )
    )
    conn.execute(_workers.insert().values(name=worker.name, at=worker.at, said=worker))


def load_workers(conn: sa.Connection) -> list[ApiWorker]:
    """Return the last report of each worker, newest first."""
    query = sa.select(_workers.c.said).order_by(_workers.c.at.desc(), _workers.c.name)
    return [msgspec.convert(said, ApiWorker) for said in conn.execute(query).scalars()]
