"""Deployments: the appended history of what serves; the newest row is in force."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.deployment import Action, Deployment, Plan
from core.store import schema

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
    """Put a plan in force."""
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
    """The row in force, or None before the first."""
    query = sa.select(_deployments).order_by(_deployments.c.revision.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else _deployment(row)


def find_current_at(conn: sa.Connection, at: datetime) -> Deployment | None:
    """The row that was in force at a moment, or None before the first."""
    query = (
        sa.select(_deployments)
        .where(_deployments.c.at <= at)
        .order_by(_deployments.c.revision.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _deployment(row)


def load_history(conn: sa.Connection) -> list[Deployment]:
    """Every row, oldest first."""
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
