"""Health: a status with every check behind it."""

from datetime import UTC, datetime

from core.domain.monitoring import Health, HealthReport, Reason

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_check_is_found_by_its_code() -> None:
    slow = Reason("latency", Health.WARNING, "p95 is 120 ms.", "Look at the slowest requests.")
    good = Reason("accuracy", Health.HEALTHY, "84 % within ±5.", "Nothing.")
    report = HealthReport(Health.WARNING, (slow, good), NOON)
    assert report.find_reason("accuracy") is good
    assert report.find_reason("drift") is None
