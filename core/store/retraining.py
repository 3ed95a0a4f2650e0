"""Retraining decisions: appended with their reasons, whichever way they went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.retraining import RetrainingDecision
from core.domain.sample import Provenance
from core.store import schema

_decisions = schema.retraining_decisions
_samples = schema.samples
_collections = schema.collections


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


def count_new_samples(
    conn: sa.Connection, since_at: datetime, provenances: Sequence[Provenance]
) -> dict[Provenance, int]:
    """The visible rows of collections that were finished after a moment, by each of these
    provenances."""
    finished = sa.select(_collections.c.id).where(_collections.c.finished_at > since_at)
    query = (
        sa.select(_samples.c.provenance, sa.func.count())
        .where(
            _samples.c.collection_id.in_(finished),
            _samples.c.superseded_at.is_(None),
            _samples.c.provenance.in_([provenance.value for provenance in provenances]),
        )
        .group_by(_samples.c.provenance)
    )
    found = {Provenance(name): n for name, n in conn.execute(query)}
    return {provenance: found.get(provenance, 0) for provenance in provenances}


def _decision(row: Any) -> RetrainingDecision:
    return RetrainingDecision(
        at=row.at,
        retrain=row.retrain,
        reasons=tuple(row.reasons),
        signals=tuple(row.signals),
        job_id=row.job_id,
        by=row.by,
    )
