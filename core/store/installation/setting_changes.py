"""Setting changes: the values that operators chose; the newest counts."""

import sqlalchemy as sa

from core.domain.installation import SettingChange
from core.store.engine import schema

_changes = schema.setting_changes


def append_change(conn: sa.Connection, change: SettingChange) -> int:
    """Put a change in force and return its number."""
    result = conn.execute(
        _changes.insert()
        .values(
            name=change.name,
            value=change.value,
            at=change.at,
            by=change.by,
            reason=change.reason,
        )
        .returning(_changes.c.id)
    )
    return int(result.scalar_one())


def load_values(conn: sa.Connection) -> dict[str, str]:
    """Return the chosen values by setting name; a setting that was never changed is left out."""
    newest = sa.select(sa.func.max(_changes.c.id)).group_by(_changes.c.name)
    rows = conn.execute(
        sa.select(_changes.c.name, _changes.c.value).where(
            _changes.c.id.in_(newest), _changes.c.value.is_not(None)
        )
    )
    return {row.name: row.value for row in rows}


def load_changes(conn: sa.Connection, limit: int) -> list[SettingChange]:
    """Return the newest changes, newest first."""
    rows = conn.execute(sa.select(_changes).order_by(_changes.c.id.desc()).limit(limit))
    return [
        SettingChange(
            name=row.name,
            value=row.value,
            at=row.at,
            by=row.by,
            reason=row.reason,
        )
        for row in rows
    ]
