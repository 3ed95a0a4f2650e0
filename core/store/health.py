"""Health changes: appended when the status or its reasons become others."""

from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.health import Health, HealthReport, Reason
from core.store import schema

_changes = schema.health_changes


def append_change(conn: sa.Connection, report: HealthReport) -> None:
    """Keep a report that differs from the one before."""
    conn.execute(
        _changes.insert().values(
            at=report.at, health=report.health.value, reasons=list(report.reasons)
        )
    )


def find_last_change(conn: sa.Connection) -> HealthReport | None:
    """The newest report that was kept, or None."""
    reports = load_changes(conn, 1)
    return reports[0] if reports else None


def load_changes(conn: sa.Connection, limit: int) -> list[HealthReport]:
    """The newest reports, newest first."""
    rows = conn.execute(sa.select(_changes).order_by(_changes.c.id.desc()).limit(limit))
    return [_report(row) for row in rows]


def _report(row: Any) -> HealthReport:
    return HealthReport(
        health=Health(row.health),
        reasons=msgspec.convert(row.reasons, tuple[Reason, ...]),
        at=row.at,
    )
