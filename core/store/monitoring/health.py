"""The changes of health, and the current interval factors."""

from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.monitoring import Health, HealthReport, Reason
from core.domain.version import Widening
from core.store.engine import schema

_changes = schema.health_changes


def append_change(conn: sa.Connection, report: HealthReport) -> None:
    """Append a report that differs from the one before."""
    conn.execute(
        _changes.insert().values(
            at=report.at, health=report.health.value, reasons=list(report.reasons)
        )
    )


def find_last_change(conn: sa.Connection) -> HealthReport | None:
    """Return the newest saved report, or None."""
    reports = load_changes(conn, 1)
    return reports[0] if reports else None


def load_changes(conn: sa.Connection, limit: int) -> list[HealthReport]:
    """Return the newest reports, newest first."""
    rows = conn.execute(sa.select(_changes).order_by(_changes.c.id.desc()).limit(limit))
    return [_report(row) for row in rows]


def _report(row: Any) -> HealthReport:
    return HealthReport(
        health=Health(row.health),
        reasons=msgspec.convert(row.reasons, tuple[Reason, ...]),
        at=row.at,
    )


_widenings = schema.widenings


def append_widening(conn: sa.Connection, widening: Widening) -> None:
    """Append an interval factor, which takes effect at once."""
    conn.execute(
        _widenings.insert().values(
            version=widening.version,
            at=widening.at,
            factor=widening.factor,
            n_labels=widening.n_labels,
            n_inside=widening.n_inside,
            since_at=widening.since_at,
        )
    )


def find_widening(conn: sa.Connection, version: int) -> Widening | None:
    """Return the current interval factor of a version; None if it never changed."""
    query = (
        sa.select(_widenings)
        .where(_widenings.c.version == version)
        .order_by(_widenings.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    if row is None:
        return None
    return Widening(row.version, row.at, row.factor, row.n_labels, row.n_inside, row.since_at)


def find_factor(conn: sa.Connection, version: int) -> float:
    """Return the factor by which a version's intervals are wider than in training."""
    widening = find_widening(conn, version)
    return 1.0 if widening is None else widening.factor
