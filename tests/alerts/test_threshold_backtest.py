"""A threshold is rehearsed on the days that lie behind, and nothing is written by it."""

import pytest

from core.alerts.threshold_backtest import (
    REHEARSED,
    ThresholdBacktest,
    describe_rehearsal,
    rehearse,
)
from core.domain.monitoring import Health
from core.errors import InvalidInput
from core.monitoring.measure.rollup_updates import measure
from core.settings import SETTINGS, Thresholds
from core.store.engine.database import Database
from core.store.monitoring import health, incidents
from tests.streams import (
    DAY,
    HOUR,
    NOON,
    SCALE,
    TOLERANCE,
    add_requests,
    deploy,
    label_all,
    spread_times,
)


def try_out(
    db: Database, setting: str, would_be: Thresholds, as_is: Thresholds, days: int = 1
) -> ThresholdBacktest:
    measure(db, NOON, scale=SCALE, tolerance=TOLERANCE)
    return rehearse(
        db,
        setting,
        would_be=would_be,
        as_is=as_is,
        scale=SCALE,
        tolerance=TOLERANCE,
        now=NOON,
        days=days,
    )


def test_a_stricter_latency_would_have_opened_one_incident_in_the_slow_hours(db: Database) -> None:
    deploy(db, 3)
    began = NOON - 12 * HOUR
    for name, start, end, latency in (
        ("before", NOON - 30 * HOUR, began, 20.0),
        ("slow", began, began + 3 * HOUR, 120.0),
        ("after", began + 3 * HOUR, NOON, 20.0),
    ):
        n = round((end - start) / HOUR) * 40
        add_requests(db, name, spread_times(start, end, n), latency_ms=latency)
    strict = Thresholds(latency_warning_ms=90.0)
    loose = Thresholds(latency_warning_ms=2_000.0, latency_critical_ms=4_000.0)
    found = try_out(db, "latency_warning_ms", strict, loose)
    (opening,) = found.would_be
    assert began < opening.at <= began + HOUR
    assert opening.message.startswith("The p95 latency is ")
    assert found.as_is == ()
    said = describe_rehearsal(found, "90")
    assert "been 1 incident (latency) in the last 1 days, with the value in force none; " in said
    assert f"judged at {found.n_judged} of 96 moments. The newest: 2026-03-02" in said
    assert found.n_judged > 80
    with db.read() as conn:
        assert health.find_last_change(conn) is None
        assert incidents.load_incidents(conn, 10) == []


def test_errors_are_judged_by_the_predictions_that_were_asked_for_by_then(db: Database) -> None:
    deploy(db, 3)
    began = NOON - 3 * DAY
    for name, start, end, within in (
        ("before", NOON - 5 * DAY, began, 0.95),
        ("bad", began, began + 2 * DAY, 0.5),
        ("after", began + 2 * DAY, NOON, 0.95),
    ):
        n = round((end - start) / HOUR) * 5
        label_all(db, add_requests(db, name, spread_times(start, end, n)), within=within)
    slack = Thresholds(accuracy_warning=0.2, accuracy_critical=0.1)
    found = try_out(db, "accuracy_warning", Thresholds(), slack, days=4)
    (opening,) = found.would_be
    assert began < opening.at <= began + DAY
    assert opening.worst is Health.CRITICAL
    assert "of the scores of v3 were within ±5" in opening.message
    assert found.as_is == ()


def test_without_requests_nothing_can_be_said(db: Database) -> None:
    found = try_out(db, "error_rate_warning", Thresholds(), Thresholds(), days=2)
    assert (found.would_be, found.as_is) == ((), ())
    assert describe_rehearsal(found, "0.01") == (
        "What error_rate_warning at 0.01 would have opened in the last 2 days cannot be said: at "
        "none of 192 moments was enough known to judge by."
    )


def test_what_the_rollups_cannot_tell_is_not_rehearsed(db: Database) -> None:
    with pytest.raises(InvalidInput, match="What 'drift_threshold' would have opened cannot be"):
        try_out(db, "drift_threshold", Thresholds(), Thresholds())


def test_every_setting_that_is_rehearsed_can_be_changed_while_everything_runs() -> None:
    assert set(REHEARSED) <= {setting.name for setting in SETTINGS if setting.runtime}
