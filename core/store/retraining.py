"""Retraining decisions: appended with their reasons, whichever way they went."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.retraining import RetrainingDecision
from core.domain.sample import Provenance
from core.store import schema

_decisions = schema.retraining_decisions
_samples = schema.samples
_collections = schema.collections
_labels = schema.labels
_predictions = schema.predictions
_MOST_LABELS = 100_000


def append_decision(conn: sa.Connection, decision: RetrainingDecision) -> None:
    """Keep a decision."""
    conn.execute(
        _decisions.insert().values(
            at=decision.at,
            retrain=decision.retrain,
            reasons=list(decision.reasons),
            signals=list(decision.signals),
            job_id=decision.job_id,
            by=decision.by,
        )
    )


def load_decisions(conn: sa.Connection, limit: int) -> list[RetrainingDecision]:
    """The newest decisions, newest first."""
    rows = conn.execute(sa.select(_decisions).order_by(_decisions.c.id.desc()).limit(limit))
    return [_decision(row) for row in rows]


def count_new_samples(conn: sa.Connection, since_at: datetime, *, synthetic: bool) -> int:
    """The visible rows of collections that were finished after a moment, generated ones only where
    asked for. Rows that were predictions are not among them: `count_new_labels` counts those."""
    finished = sa.select(_collections.c.id).where(_collections.c.finished_at > since_at)
    provenances = [Provenance.REAL, *([Provenance.SYNTHETIC] if synthetic else [])]
    query = sa.select(sa.func.count()).where(
        _samples.c.collection_id.in_(finished),
        _samples.c.superseded_at.is_(None),
        _samples.c.provenance.in_([provenance.value for provenance in provenances]),
    )
    return conn.execute(query).scalar_one()


def count_new_labels(conn: sa.Connection, since_at: datetime) -> int:
    """The predictions in the log whose label arrived after a moment, at most 100,000."""
    found = (
        sa.select(_labels.c.prediction_id)
        .distinct()
        .join(_predictions, _predictions.c.id == _labels.c.prediction_id)
        .where(_labels.c.received_at > since_at)
        .limit(_MOST_LABELS)
    )
    return conn.execute(sa.select(sa.func.count()).select_from(found.subquery())).scalar_one()


def _decision(row: Any) -> RetrainingDecision:
    return RetrainingDecision(
        at=row.at,
        retrain=row.retrain,
        reasons=tuple(row.reasons),
        signals=tuple(row.signals),
        job_id=row.job_id,
        by=row.by,
    )
