"""Retraining decisions: appended with their reasons, whichever way they went."""

from typing import Any

import sqlalchemy as sa

from core.domain.retraining import RetrainingDecision
from core.store import schema

_decisions = schema.retraining_decisions


def append_decision(conn: sa.Connection, decision: RetrainingDecision) -> None:
    """Keep a decision."""
    conn.execute(
        _decisions.insert().values(
            at=decision.at,
            retrain=decision.retrain,
            reasons=list(decision.reasons),
            job_id=decision.job_id,
            by=decision.by,
        )
    )


def load_decisions(conn: sa.Connection, limit: int) -> list[RetrainingDecision]:
    """The newest decisions, newest first."""
    rows = conn.execute(sa.select(_decisions).order_by(_decisions.c.id.desc()).limit(limit))
    return [_decision(row) for row in rows]


def _decision(row: Any) -> RetrainingDecision:
    return RetrainingDecision(
        at=row.at,
        retrain=row.retrain,
        reasons=tuple(row.reasons),
        job_id=row.job_id,
        by=row.by,
    )
