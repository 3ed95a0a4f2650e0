"""Removals: old predictions that nothing needs any more, their deletion, and its history."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.monitoring import Removal, Removed
from core.store.engine import schema

_removals = schema.removals
_predictions = schema.predictions
_labels = schema.labels
_decisions = schema.decisions
_shadow = schema.shadow_scores
_unmatched = schema.unmatched_labels


def find_kept_from(conn: sa.Connection) -> datetime | None:
    """Return the time before which all predictions were removed; None if none were."""
    return conn.execute(sa.select(sa.func.max(_removals.c.until_at))).scalar()


def start_removal(conn: sa.Connection, now: datetime, until_at: datetime) -> int:
    """Add the row of a removal with zero counts and return its id."""
    values = {"at": now, "until_at": until_at, "n_predictions": 0, "n_labels": 0}
    query = _removals.insert().values(**values, n_shadow_scores=0).returning(_removals.c.id)
    return int(conn.execute(query).scalar_one())


def add_removed(conn: sa.Connection, removal_id: int, until_at: datetime, removed: Removed) -> None:
    """Add counts of removed rows to the row of a removal."""
    table = _removals.c
    conn.execute(
        _removals.update()
        .where(table.id == removal_id)
        .values(
            until_at=until_at,
            n_predictions=table.n_predictions + removed.n_predictions,
            n_labels=table.n_labels + removed.n_labels,
            n_shadow_scores=table.n_shadow_scores + removed.n_shadow_scores,
        )
    )


def load_removals(conn: sa.Connection, limit: int) -> list[Removal]:
    """Return the newest removals, newest first."""
    rows = conn.execute(sa.select(_removals).order_by(_removals.c.id.desc()).limit(limit))
    return [_removal(row) for row in rows]


def find_next_at(
    conn: sa.Connection, after: datetime, before: datetime, skip: int
) -> datetime | None:
    """Return the time of the oldest prediction in [after, before) after skipping `skip` of them;
    None if there are not so many."""
    query = sa.select(_predictions.c.at).where(_inside(after, before))
    return conn.execute(query.order_by(_predictions.c.at).offset(skip).limit(1)).scalar()


def find_uncounted_at(conn: sa.Connection, after: datetime, before: datetime) -> datetime | None:
    """Return the time of the oldest prediction in [after, before) that the rollups do not count
    yet, or whose newest label they do not count; None if they count all."""
    progress = schema.rollup_progress.c
    seq = sa.select(sa.func.coalesce(sa.func.max(progress.prediction_seq), 0)).scalar_subquery()
    label_id = sa.select(sa.func.coalesce(sa.func.max(progress.label_id), 0)).scalar_subquery()
    waits = sa.or_(_predictions.c.seq > seq, _newest_label > label_id)
    return _find_first(conn, after, before, waits)


def find_uncollected_at(conn: sa.Connection, after: datetime, before: datetime) -> datetime | None:
    """Return the time of the oldest labelled prediction in [after, before) whose newest label was
    not collected as feedback; None if there is none."""
    progress = schema.feedback_progress.c
    seq = sa.select(sa.func.coalesce(sa.func.max(progress.prediction_seq), 0)).scalar_subquery()
    label_id = sa.select(sa.func.coalesce(sa.func.max(progress.label_id), 0)).scalar_subquery()
    late = sa.and_(_predictions.c.seq > seq, _newest_label.is_not(None))
    return _find_first(conn, after, before, sa.or_(late, _newest_label > label_id))


def remove_between(conn: sa.Connection, after: datetime, before: datetime) -> Removed:
    """Delete the predictions of [after, before), their labels and their shadow scores, and the
    decisions of that time; return the counts."""
    old = sa.select(_predictions.c.id).where(_inside(after, before))
    n_shadow = conn.execute(_shadow.delete().where(_shadow.c.prediction_id.in_(old))).rowcount
    n_labels = conn.execute(_labels.delete().where(_labels.c.prediction_id.in_(old))).rowcount
    old_decisions = sa.and_(_decisions.c.at >= after, _decisions.c.at < before)
    conn.execute(_decisions.delete().where(old_decisions))
    n = conn.execute(_predictions.delete().where(_inside(after, before))).rowcount
    return Removed(n, n_labels, n_shadow)


def count_too_late(conn: sa.Connection) -> int:
    """Return the number of predictions that were labelled after their removal, by the time in their
    ids."""
    kept_from = find_kept_from(conn)
    if kept_from is None:
        return 0
    name = _unmatched.c.prediction_id
    first_kept = f"{int(kept_from.timestamp() * 1000):012x}"
    query = sa.select(sa.func.count()).where(
        sa.func.length(name) == 32, sa.func.substr(name, 13, 1) == "7", name < first_kept
    )
    return conn.execute(query).scalar_one()


_newest_label = (
    sa.select(sa.func.max(_labels.c.id))
    .where(_labels.c.prediction_id == _predictions.c.id)
    .scalar_subquery()
)


def _inside(after: datetime, before: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_predictions.c.at >= after, _predictions.c.at < before)


def _find_first(
    conn: sa.Connection, after: datetime, before: datetime, condition: sa.ColumnElement[bool]
) -> datetime | None:
    query = sa.select(sa.func.min(_predictions.c.at)).where(_inside(after, before), condition)
    return conn.execute(query).scalar()


def _removal(row: Any) -> Removal:
    removed = Removed(row.n_predictions, row.n_labels, row.n_shadow_scores)
    return Removal(at=row.at, until_at=row.until_at, removed=removed)
