"""Labelled predictions that wait to become samples, and the progress of collecting them."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.domain.prediction import FeedbackProgress, LabelledPrediction, Waiting
from core.store.engine import schema

MAX_WAITING = 100_000
_SAME = 1e-9  # points
_SCANNED = 50_000  # predictions that one call compares with their labels

_labels = schema.labels
_predictions = schema.predictions
_progress = schema.feedback_progress


def find_progress(conn: sa.Connection) -> FeedbackProgress:
    """Return the last label and prediction that were collected; zeros before the first
    collection."""
    row = conn.execute(sa.select(_progress)).one_or_none()
    if row is None:
        return FeedbackProgress()
    return FeedbackProgress(label_id=row.label_id, prediction_seq=row.prediction_seq)


def save_progress(conn: sa.Connection, progress: FeedbackProgress) -> None:
    """Store the last label and prediction that were collected."""
    conn.execute(_progress.delete())
    conn.execute(
        _progress.insert().values(
            label_id=progress.label_id, prediction_seq=progress.prediction_seq
        )
    )


def load_waiting(conn: sa.Connection, after: FeedbackProgress, limit: int) -> Waiting:
    """Return the next labelled predictions, each with its newest label: first those that were
    logged after their label was received, then those of at most `limit` labels in the order of
    commits. Late predictions and late labels are both found."""
    newest = conn.execute(sa.select(sa.func.max(_predictions.c.seq))).scalar() or 0
    if after.label_id == 0:
        after = FeedbackProgress(0, newest)
    if after.prediction_seq < newest:
        return _load_logged_late(conn, after, newest, limit)
    new = sa.select(_labels.c.id, _labels.c.prediction_id).where(_labels.c.id > after.label_id)
    piece = new.order_by(_labels.c.id).limit(limit).subquery()
    upto = conn.execute(sa.select(sa.func.max(piece.c.id))).scalar()
    if upto is None:
        return Waiting((), after)
    named = sa.select(_labels.c.prediction_id).where(
        _labels.c.id > after.label_id, _labels.c.id <= upto
    )
    rows = conn.execute(_labelled.where(_predictions.c.id.in_(named)))
    return Waiting(tuple(map(_build, rows)), FeedbackProgress(upto, after.prediction_seq))


def find_end(conn: sa.Connection) -> FeedbackProgress:
    """Return the newest label and the newest prediction, the progress of a collection that is
    complete."""
    label_id = conn.execute(sa.select(sa.func.max(_labels.c.id))).scalar() or 0
    newest = conn.execute(sa.select(sa.func.max(_predictions.c.seq))).scalar() or 0
    return FeedbackProgress(label_id, newest)


def count_waiting(conn: sa.Connection) -> int:
    """Return the number of logged predictions whose labels were not collected yet, at most
    100,000."""
    found = (
        sa.select(_labels.c.prediction_id)
        .distinct()
        .join(_predictions, _predictions.c.id == _labels.c.prediction_id)
        .where(_labels.c.id > find_progress(conn).label_id)
        .limit(MAX_WAITING)
    )
    return conn.execute(sa.select(sa.func.count()).select_from(found.subquery())).scalar_one()


@dataclass(frozen=True, slots=True)
class OwnScores:
    """The newest labels of scored predictions, of them those that equal the predicted score, and
    those that equal the score of the unit's prediction before and not their own."""

    n_labelled: int
    n_same: int
    n_previous: int


def count_own_scores(conn: sa.Connection) -> OwnScores:
    """Count the newest 100,000 labels that are scores of ours."""
    newest = _labels.select().order_by(_labels.c.id.desc()).limit(MAX_WAITING).subquery()
    before = sa.func.lag(_predictions.c.score).over(
        partition_by=_predictions.c.unit_id, order_by=_predictions.c.seq
    )
    pairs = (
        sa.select(
            newest.c.actual,
            _predictions.c.score,
            sa.case((_predictions.c.unit_id.is_not(None), before)).label("before"),
        )
        .select_from(newest)
        .join(_predictions, _predictions.c.id == newest.c.prediction_id)
        .where(_predictions.c.score.is_not(None))
        .subquery()
    )
    is_own = sa.func.abs(pairs.c.actual - pairs.c.score) < _SAME
    is_previous = sa.func.abs(pairs.c.actual - pairs.c.before) < _SAME
    row = conn.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((is_own, 1), else_=0)), 0),
            sa.func.coalesce(
                sa.func.sum(sa.case((sa.and_(is_previous, sa.not_(is_own)), 1), else_=0)), 0
            ),
        ).select_from(pairs)
    ).one()
    return OwnScores(*map(int, row))


def _load_logged_late(
    conn: sa.Connection, after: FeedbackProgress, newest: int, limit: int
) -> Waiting:
    upto = min(newest, after.prediction_seq + _SCANNED)
    late = _labelled.where(
        _predictions.c.seq > after.prediction_seq,
        _predictions.c.seq <= upto,
        _labels.c.id <= after.label_id,
    )
    rows = conn.execute(late.order_by(_predictions.c.seq).limit(limit)).all()
    if len(rows) == limit:
        upto = rows[-1].seq
    return Waiting(tuple(map(_build, rows)), FeedbackProgress(after.label_id, upto))


_all_labels = _labels.alias("all_labels")
_labelled = (
    sa.select(
        _predictions.c.seq,
        _predictions.c.id,
        sa.func.coalesce(
            _predictions.c.event_at, _predictions.c.at, type_=_predictions.c.at.type
        ).label("made_at"),
        _predictions.c.features,
        _predictions.c.text,
        _predictions.c.unit_id,
        _labels.c.actual,
        _labels.c.received_at,
    )
    .select_from(_predictions)
    .join(
        _labels,
        _labels.c.id
        == sa.select(sa.func.max(_all_labels.c.id))
        .where(_all_labels.c.prediction_id == _predictions.c.id)
        .scalar_subquery(),
    )
)


def _build(row: Any) -> LabelledPrediction:
    return LabelledPrediction(
        prediction_id=row.id,
        made_at=row.made_at,
        features=row.features,
        text=row.text,
        unit_id=row.unit_id,
        actual=row.actual,
        labelled_at=row.received_at,
    )
