"""Health changes are kept in their order, reasons and all."""

from datetime import timedelta

from core.domain.monitoring import Health, HealthReport, Reason
from core.store.engine.database import Database
from core.store.monitoring import health
from tests.streams import NOON

REPORT = HealthReport(
    Health.WARNING,
    (
        Reason("accuracy", Health.WARNING, "78 % of the scores …", "Compare.", confirmed=False),
        Reason("latency", Health.HEALTHY, "20 ms", ""),
    ),
    NOON,
)


def test_there_is_no_report_at_first(db: Database) -> None:
    with db.read() as conn:
        assert health.find_last_change(conn) is None


def test_a_report_comes_back_as_it_was_kept(db: Database) -> None:
    with db.write() as conn:
        health.append_change(conn, REPORT)
        assert health.find_last_change(conn) == REPORT


def test_the_newest_reports_come_first(db: Database) -> None:
    later = HealthReport(Health.STALE, (), NOON + timedelta(hours=1))
    with db.write() as conn:
        for report in (REPORT, later):
            health.append_change(conn, report)
        assert health.load_changes(conn, 10) == [later, REPORT]
        assert health.load_changes(conn, 1) == [later]


def test_a_reason_is_found_by_its_code() -> None:
    assert REPORT.find_reason("latency") == REPORT.reasons[1]
    assert REPORT.find_reason("fallback") is None
