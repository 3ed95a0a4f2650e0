"""Labels: every label is kept, and the last one received for a prediction counts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.prediction import ChosenBy, Label
from core.domain.sample import Features
from core.store.engine import schema

_labels, _predictions = schema.labels, schema.predictions
_IDS_AT_ONCE = 500

effective_ids = sa.select(sa.func.max(_labels.c.id)).group_by(_labels.c.prediction_id)
"""The ids of the labels that count."""


def append_labels(conn: sa.Connection, given: Sequence[tuple[Label, bool]]) -> list[bool]:
    """Store labels in order; return False for each that repeats the newest label of its prediction.
    A moment that was filled in with "now" (the second of a pair is False) is not compared. The
    number of statements does not grow with the number of labels."""
    newest = _find_newest(conn, {label.prediction_id for label, _ in given})
    new: list[Label] = []
    outcomes = []
    for label, observed_at_given in given:
        last = newest.get(label.prediction_id)
        is_new = last is None or not _says_same(last, label, observed_at_given=observed_at_given)
        if is_new:
            new.append(label)
            newest[label.prediction_id] = label
        outcomes.append(is_new)
    if new:
        conn.execute(_labels.insert(), [_values(label) for label in new])
    return outcomes


def find_label(conn: sa.Connection, prediction_id: str) -> Label | None:
    """Return the newest label of a prediction; None without one."""
    query = (
        sa.select(_labels)
        .where(_labels.c.prediction_id == prediction_id)
        .order_by(_labels.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _label(row)


def _find_newest(conn: sa.Connection, ids: set[str]) -> dict[str, Label]:
    wanted = sorted(ids)
    found: dict[str, Label] = {}
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        part = wanted[start : start + _IDS_AT_ONCE]
        newest = (
            sa.select(sa.func.max(_labels.c.id))
            .where(_labels.c.prediction_id.in_(part))
            .group_by(_labels.c.prediction_id)
        )
        rows = conn.execute(sa.select(_labels).where(_labels.c.id.in_(newest)))
        found.update({row.prediction_id: _label(row) for row in rows})
    return found


def _says_same(last: Label, label: Label, *, observed_at_given: bool) -> bool:
    return (
        last.actual == label.actual
        and last.given_by == label.given_by
        and last.rating == label.rating
        and last.key_id == label.key_id
        and (last.observed_at == label.observed_at or not observed_at_given)
    )


def _values(label: Label) -> dict[str, Any]:
    return {
        "prediction_id": label.prediction_id,
        "actual": label.actual,
        "observed_at": label.observed_at,
        "given_by": label.given_by,
        "received_at": label.received_at,
        "rating": label.rating,
        "key_id": label.key_id,
        "chosen_by": label.chosen_by.value,
    }


def load_recent_labelled(conn: sa.Connection, limit: int) -> list[tuple[float, Features]]:
    """Return the label and the features of `load_recent_outcomes`."""
    return [(actual, features) for actual, features, _ in load_recent_outcomes(conn, limit)]


def load_recent_outcomes(conn: sa.Connection, limit: int) -> list[tuple[float, Features, datetime]]:
    """Return the newest `limit` labels of known predictions, newest first, each with the features
    and the time of its prediction. A label whose prediction is not known may be of anything: it
    counts for nothing here. A prediction that was labelled several times counts once."""
    newest = (
        sa.select(_labels.c.id, _labels.c.prediction_id)
        .join(_predictions, _predictions.c.id == _labels.c.prediction_id)
        .order_by(_labels.c.id.desc())
        .limit(limit)
        .subquery()
    )
    counted = sa.select(sa.func.max(newest.c.id)).group_by(newest.c.prediction_id)
    query = (
        sa.select(_labels.c.actual, _predictions.c.features, _predictions.c.at)
        .join(_predictions, _predictions.c.id == _labels.c.prediction_id)
        .where(_labels.c.id.in_(counted))
        .order_by(_labels.c.id.desc())
    )
    return [(row.actual, row.features, row.at) for row in conn.execute(query)]


def find_span(conn: sa.Connection) -> tuple[datetime, datetime] | None:
    """Return the times at which the first and the last label were received; None without labels."""
    query = sa.select(sa.func.min(_labels.c.received_at), sa.func.max(_labels.c.received_at))
    first_at, last_at = conn.execute(query).one()
    return None if first_at is None else (first_at, last_at)


def count_received(conn: sa.Connection, from_at: datetime, to_at: datetime) -> int:
    """Return the number of labels that were received in [from_at, to_at)."""
    query = sa.select(sa.func.count()).where(
        _labels.c.received_at >= from_at, _labels.c.received_at < to_at
    )
    return conn.execute(query).scalar_one()


def load_delays(conn: sa.Connection, limit: int) -> list[float]:
    """Return the delays of the newest `limit` labels, in seconds from the prediction to the moment
    at which its outcome was known. A label without its prediction is left out."""
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
        rating=row.rating,
        key_id=row.key_id,
        chosen_by=ChosenBy(row.chosen_by or ChosenBy.FEEDBACK),
    )
