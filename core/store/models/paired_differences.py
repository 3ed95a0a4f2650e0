"""The sums of a trial, kept so that no page reads every pair: a checkpoint a day and the newest."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.trial import Checkpoint, LabelCounts, PairSums, Progress
from core.store.engine import schema

_checkpoints = schema.trial_checkpoints
_progress = schema.trial_progress
_DAY_MICROS = 86_400_000_000


def find_progress(conn: sa.Connection, revision: int) -> Progress | None:
    """Return the rows up to which the checkpoints of a trial are valid; None before the first."""
    query = sa.select(_progress).where(_progress.c.revision == revision)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Progress(row.request_seq, row.prediction_seq, row.label_id, row.requests)


def find_checkpoint(
    conn: sa.Connection, revision: int, changed_at: datetime | None
) -> Checkpoint | None:
    """Return the newest checkpoint of a trial before a change at a moment, or None."""
    query = sa.select(
        _checkpoints.c.until_at,
        sa.type_coerce(_checkpoints.c.sums, sa.Text).label("sums"),
        sa.type_coerce(_checkpoints.c.labels, sa.Text).label("labels"),
    ).where(_checkpoints.c.revision == revision)
    if changed_at is not None:
        query = query.where(_checkpoints.c.until_at <= changed_at)
    row = conn.execute(query.order_by(_checkpoints.c.until_at.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Checkpoint(
        row.until_at,
        msgspec.json.decode(row.sums, type=PairSums),
        msgspec.json.decode(row.labels, type=LabelCounts),
    )


def save_checkpoints(
    conn: sa.Connection,
    revision: int,
    after_at: datetime,
    checkpoints: Sequence[Checkpoint],
    progress: Progress,
) -> None:
    """Replace the checkpoints of a trial after a moment, and delete those of earlier trials. Of the
    others, only the ends of days are kept once there is a newer one."""
    stale = [_checkpoints.c.revision != revision, _checkpoints.c.until_at > after_at]
    if checkpoints:
        stale.append(sa.type_coerce(_checkpoints.c.until_at, sa.BigInteger) % _DAY_MICROS != 0)
    conn.execute(_checkpoints.delete().where(sa.or_(*stale)))
    conn.execute(_progress.delete())
    if checkpoints:
        conn.execute(_checkpoints.insert(), [_values(revision, one) for one in checkpoints])
    conn.execute(
        _progress.insert().values(
            revision=revision,
            request_seq=progress.request_seq,
            prediction_seq=progress.prediction_seq,
            label_id=progress.label_id,
            requests=progress.requests,
        )
    )


def remove_checkpoints(conn: sa.Connection) -> None:
    """Delete all sums, so that they are computed again from the log: they name units of a day."""
    conn.execute(_checkpoints.delete())
    conn.execute(_progress.delete())


def _values(revision: int, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "revision": revision,
        "until_at": checkpoint.until_at,
        "sums": checkpoint.sums,
        "labels": checkpoint.labels,
    }
