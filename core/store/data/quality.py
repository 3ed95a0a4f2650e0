"""Quality reports: appended after every collection; the newest counts."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from core.domain.dataset import ColumnSummary, Issue, QualityReport
from core.store.engine import schema

_reports = schema.quality_reports


def append_report(conn: sa.Connection, report: QualityReport) -> None:
    """Append a report."""
    conn.execute(
        _reports.insert().values(
            at=report.at,
            n_rows=report.n_rows,
            issues=list(report.issues),
            columns=list(report.columns),
        )
    )


def find_last_report(conn: sa.Connection) -> QualityReport | None:
    """Return the newest report, or None before the first check."""
    return next(iter(load_reports(conn, 1)), None)


def load_reports(
    conn: sa.Connection, limit: int, upto: datetime | None = None
) -> list[QualityReport]:
    """Return the newest reports, newest first; with `upto`, those that existed at that moment."""
    query = sa.select(_reports).order_by(_reports.c.id.desc()).limit(limit)
    rows = conn.execute(query if upto is None else query.where(_reports.c.at <= upto))
    return [
        QualityReport(
            at=row.at,
            n_rows=row.n_rows,
            issues=msgspec.convert(row.issues, tuple[Issue, ...]),
            columns=msgspec.convert(row.columns, tuple[ColumnSummary, ...]),
        )
        for row in rows
    ]
