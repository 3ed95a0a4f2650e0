"""Policies, and the history of which is in force for each kind; rows are appended only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.decisions.policy import (
    DecisionPolicy,
    PolicyAction,
    PolicyChange,
    PolicyKind,
    PolicyTerms,
    policy_name,
)
from core.errors import NotFound
from core.store.engine import schema

_policies = schema.policies
_changes = schema.policy_changes


def append_policy(
    conn: sa.Connection,
    terms: PolicyTerms,
    *,
    figures: Mapping[str, object],
    by: str,
    reason: str,
    now: datetime,
) -> DecisionPolicy:
    """Append a policy, which is not in force by that."""
    values = {"at": now, "by": by, "reason": reason, "kind": terms.kind.value}
    query = _policies.insert().values(**values, terms=terms, figures=dict(figures))
    policy_id = int(conn.execute(query.returning(_policies.c.id)).scalar_one())
    return get_policy(conn, policy_id)


def append_change(
    conn: sa.Connection,
    policy: DecisionPolicy,
    action: PolicyAction,
    *,
    by: str,
    reason: str,
    now: datetime,
) -> PolicyChange:
    """Append that a policy is in force from now on, for its kind."""
    query = _changes.insert().values(
        at=now,
        by=by,
        kind=policy.terms.kind.value,
        policy_id=policy.id,
        action=action.value,
        reason=reason,
    )
    number = int(conn.execute(query.returning(_changes.c.id)).scalar_one())
    return PolicyChange(number, now, by, policy.terms.kind, policy.id, action, reason)


def get_policy(conn: sa.Connection, policy_id: int) -> DecisionPolicy:
    """Return a policy; raises `NotFound`."""
    row = conn.execute(sa.select(_policies).where(_policies.c.id == policy_id)).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no policy {policy_name(policy_id)}: `policies` lists those that there are."
        )
    return _policy(row)


def load_policies(conn: sa.Connection) -> list[DecisionPolicy]:
    """Return every policy, newest first."""
    rows = conn.execute(sa.select(_policies).order_by(_policies.c.id.desc()))
    return [_policy(row) for row in rows]


def load_changes(conn: sa.Connection, kind: PolicyKind) -> list[PolicyChange]:
    """Return the history of what was in force for a kind, oldest first."""
    query = sa.select(_changes).where(_changes.c.kind == kind.value).order_by(_changes.c.id)
    return [_change(row) for row in conn.execute(query)]


def load_in_force(conn: sa.Connection) -> dict[PolicyKind, DecisionPolicy]:
    """Return the policy in force of each kind that has one."""
    newest = sa.select(sa.func.max(_changes.c.id)).group_by(_changes.c.kind)
    query = (
        sa.select(_policies)
        .join(_changes, _changes.c.policy_id == _policies.c.id)
        .where(_changes.c.id.in_(newest))
    )
    found = [_policy(row) for row in conn.execute(query)]
    return {policy.terms.kind: policy for policy in found}


def find_newest_change(conn: sa.Connection) -> int:
    """Return the number of the newest change of any kind, 0 before the first."""
    return conn.execute(sa.select(sa.func.max(_changes.c.id))).scalar() or 0


def _policy(row: Any) -> DecisionPolicy:
    return DecisionPolicy(
        id=row.id,
        at=row.at,
        by=row.by,
        reason=row.reason,
        terms=msgspec.convert(row.terms, PolicyTerms),
        figures=row.figures,
    )


def _change(row: Any) -> PolicyChange:
    return PolicyChange(
        id=row.id,
        at=row.at,
        by=row.by,
        kind=PolicyKind(row.kind),
        policy_id=row.policy_id,
        action=PolicyAction(row.action),
        reason=row.reason,
    )
