"""Alert rules: from when on incidents of a cause call people; of each the newest row counts."""

import sqlalchemy as sa

from core.domain.incident import AlertRule
from core.store.engine import schema

_rules = schema.alert_rules


def append_rule(conn: sa.Connection, rule: AlertRule) -> None:
    """Put a rule in force."""
    conn.execute(
        _rules.insert().values(
            cause=rule.cause, at=rule.at, live_at=rule.live_at, by=rule.by, reason=rule.reason
        )
    )


def load_rules(conn: sa.Connection) -> list[AlertRule]:
    """The rules in force, by cause."""
    newest = sa.select(sa.func.max(_rules.c.id)).group_by(_rules.c.cause)
    rows = conn.execute(sa.select(_rules).where(_rules.c.id.in_(newest)).order_by(_rules.c.cause))
    return [AlertRule(row.cause, row.at, row.live_at, row.by, row.reason) for row in rows]
