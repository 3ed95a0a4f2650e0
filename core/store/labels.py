"""Labels: all are kept, and of several for one prediction the last received counts."""

from typing import Any

import sqlalchemy as sa

from core.domain.label import Label
from core.store import schema

_labels, _predictions = schema.labels, schema.predictions

effective_ids = sa.select(sa.func.max(_labels.c.id)).group_by(_labels.c.prediction_id)
"""The ids of the labels that count."""


def append_label(conn: sa.Connection, label: Label, *, observed_at_given: bool = True) -> bool:
    """Keep a label; False where the newest of its prediction says the same already. Where the
    moment was not given but filled in with "now", two that differ only in it say the same."""
    newest = find_label(conn, label.prediction_id)
    if (
        newest is not None
        and newest.actual == label.actual
        and newest.given_by == label.given_by
        and (newest.observed_at == label.observed_at or not observed_at_given)
    ):
        return False
    conn.execute(
        _labels.insert().values(
            prediction_id=label.prediction_id,
            actual=label.actual,
            observed_at=label.observed_at,
            given_by=label.given_by,
            received_at=label.received_at,
        )
    )
    return True


def find_label(conn: sa.Connection, prediction_id: str) -> Label | None:
    """The label that counts for a prediction, or None."""
    query = (
        sa.select(_labels)
        .where(_labels.c.prediction_id == prediction_id)
        .order_by(_labels.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _label(row)


def load_recent_actuals(conn: sa.Connection, limit: int) -> list[float]:
    """What the newest `limit` labels say, newest first; a corrected label counts once."""
    newest = sa.select(_labels).order_by(_labels.c.id.desc()).limit(limit).subquery()
    counted = sa.select(sa.func.max(newest.c.id)).group_by(newest.c.prediction_id)
    query = (
        sa.select(_labels.c.actual).where(_labels.c.id.in_(counted)).order_by(_labels.c.id.desc())
    )
    return list(conn.execute(query).scalars())


def load_delays(conn: sa.Connection, limit: int) -> list[float]:
    """How long the newest `limit` labels took, in seconds from the prediction to the moment at
    which it was known how it turned out; a label without its prediction is left out."""
    newest = sa.select(_labels).order_by(_labels.c.id.desc()).limit(limit).subquery()
    made_at = sa.func.coalesce(_predictions.c.event_at, _predictions.c.at)
    rows = conn.execute(
        sa.select(newest.c.observed_at, made_at.label("made_at")).join(
            _predictions, _predictions.c.id == newest.c.prediction_id
        )
    )
    return [(row.observed_at - row.made_at).total_seconds() for row in rows]


def _label(row: Any) -> Label:
    return Label(
        prediction_id=row.prediction_id,
        actual=row.actual,
        observed_at=row.observed_at,
        given_by=row.given_by,
        received_at=row.received_at,
    )
