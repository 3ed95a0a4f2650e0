"""Quality reports: kept one after the other; the newest counts."""

from datetime import UTC, datetime, timedelta

from core.domain.dataset import ColumnSummary, Issue, QualityReport, Severity
from core.store.data.quality import append_report, find_last_report, load_reports
from core.store.engine.database import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REPORT = QualityReport(
    at=NOON,
    n_rows=10,
    issues=(
        Issue("too_few_rows", Severity.BLOCKING, None, 10, "10 rows are too few."),
        Issue("leaky_column", Severity.WARNING, "a", 10, "'a' gives the target away."),
    ),
    columns=(
        ColumnSummary("a", "number", 0, 10, 0.0, 4.5, 9.0, "0", 0.1),
        ColumnSummary("b", "category", 10, 0, None, None, None, None, 0.0),
    ),
)


def test_without_a_report_there_is_none(db: Database) -> None:
    with db.read() as conn:
        assert find_last_report(conn) is None


def test_a_report_comes_back_as_it_was(db: Database) -> None:
    with db.write() as conn:
        append_report(conn, REPORT)
    with db.read() as conn:
        assert find_last_report(conn) == REPORT


def test_the_newest_report_counts(db: Database) -> None:
    later = QualityReport(NOON + timedelta(hours=1), 0, (), ())
    with db.write() as conn:
        append_report(conn, REPORT)
        append_report(conn, later)
    with db.read() as conn:
        assert find_last_report(conn) == later
        assert load_reports(conn, 9) == [later, REPORT]
        assert load_reports(conn, 9, upto=NOON) == [REPORT]
        assert load_reports(conn, 9, upto=NOON - timedelta(seconds=1)) == []
