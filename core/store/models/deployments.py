"""The deployment history, and the decisions to retrain."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.deployment import Action, Deployment, Plan, RetrainingDecision
from core.domain.sample import Provenance
from core.store.engine import schema

_deployments = schema.deployments


def append_deployment(
    conn: sa.Connection,
    *,
    action: Action,
    plan: Plan,
    reason: str,
    by: str,
    override: bool,
    evidence: Mapping[str, object],
    now: datetime,
) -> Deployment:
    """Append a plan, which takes effect at once."""
    result = conn.execute(
        _deployments.insert()
        .values(
            at=now,
            by=by,
            action=action.value,
            reason=reason,
            champion=plan.champion,
            challenger=plan.challenger,
            traffic=plan.traffic,
            ab_test=plan.ab_test,
            salt=plan.salt,
            override=override,
            evidence=dict(evidence),
        )
        .returning(_deployments.c.revision)
    )
    revision = int(result.scalar_one())
    row = conn.execute(sa.select(_deployments).where(_deployments.c.revision == revision)).one()
    return _deployment(row)


def find_current(conn: sa.Connection) -> Deployment | None:
    """Return the current deployment, or None before the first."""
    query = sa.select(_deployments).order_by(_deployments.c.revision.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else _deployment(row)


def find_current_at(conn: sa.Connection, at: datetime) -> Deployment | None:
    """Return the deployment at a moment, or None before the first."""
    query = (
        sa.select(_deployments)
        .where(_deployments.c.at <= at)
        .order_by(_deployments.c.revision.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _deployment(row)


def load_history(conn: sa.Connection) -> list[Deployment]:
    """Return every row, oldest first."""
    rows = conn.execute(sa.select(_deployments).order_by(_deployments.c.revision))
    return [_deployment(row) for row in rows]


def _deployment(row: Any) -> Deployment:
    return Deployment(
        revision=row.revision,
        at=row.at,
        by=row.by,
        action=Action(row.action),
        reason=row.reason,
        plan=Plan(
            champion=row.champion,
            challenger=row.challenger,
            traffic=row.traffic,
            ab_test=row.ab_test,
            salt=row.salt,
        ),
        override=row.override,
        evidence=row.evidence,
    )


_decisions = schema.retraining_decisions
_samples = schema.samples
_collections = schema.collections


def append_decision(conn: sa.Connection, decision: RetrainingDecision) -> int:
    """Append a decision and return its number."""
    result = conn.execute(
        _decisions.insert()
        .values(
            at=decision.at,
            retrain=decision.retrain,
            reasons=list(decision.reasons),
            signals=list(decision.signals),
            job_id=decision.job_id,
            by=decision.by,
        )
        .returning(_decisions.c.id)
    )
    return int(result.scalar_one())


def load_decisions(conn: sa.Connection, limit: int) -> list[RetrainingDecision]:
    """Return the newest decisions, newest first."""
    rows = conn.execute(sa.select(_decisions).order_by(_decisions.c.id.desc()).limit(limit))
    return [_decision(row) for row in rows]


def count_new_samples(
    conn: sa.Connection, since_at: datetime, provenances: Sequence[Provenance]
) -> dict[Provenance, int]:
    """Count, by provenance, the visible rows of collections finished after a moment."""
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
