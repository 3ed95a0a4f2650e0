"""Watching measures and judges what is in the log; the summary shows it and writes nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.cli.texts import of_health
from core.domain.monitoring import Health, HealthReport
from core.domain.prediction import AnswerSource
from core.domain.version import Widening
from core.monitoring.flow import describe_health, watch
from core.monitoring.slices.slice_metrics import measure_segments
from core.monitoring.summary import MonitorSummary, build_json
from core.settings import Thresholds
from core.store.engine.database import Database
from core.store.jobs import schedule
from core.store.models import versions
from core.store.monitoring import health
from core.store.predictions import batches, rollups
from tests.fakes import FakeRegistry, add_version, make_batch, make_prediction, make_report
from tests.streams import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SCALE,
    TOLERANCE,
    add_labels,
    add_predictions,
    add_requests,
    deploy,
    label_all,
    spread_times,
)

LIMITS = Thresholds()


def look(db: Database, now: object = NOON, **options: object) -> HealthReport:
    return watch(db, LIMITS, scale=SCALE, tolerance=TOLERANCE, now=now, **options)  # type: ignore[arg-type]


def describe(db: Database, now: object = NOON, **options: object) -> MonitorSummary:
    return describe_health(db, LIMITS, scale=SCALE, tolerance=TOLERANCE, now=now, **options)  # type: ignore[arg-type]


def add_good_day(db: Database, prefix: str = "good", **options: float) -> list[str]:
    ids = add_requests(db, prefix, spread_times(NOON - DAY, NOON, 1_000), **options)  # type: ignore[arg-type]
    label_all(db, ids[:300], within=0.95)
    return ids


def test_an_empty_store_is_unknown_and_has_no_figures(db: Database) -> None:
    assert look(db).health is Health.UNKNOWN
    shown = build_json(describe(db))
    assert shown["health"] == "unknown"
    assert shown["reasons"][0]["message"] == "Nothing is deployed."  # type: ignore[index]
    assert (shown["n_predictions"], shown["n_labelled"], shown["n_failed"]) == (0, 0, 0)
    assert [shown[name] for name in ("accuracy", "mae", "skill", "error_rate", "drift")] == [
        None
    ] * 5
    assert shown["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert shown["incidents"] == []


def test_a_good_day_is_healthy(db: Database) -> None:
    deploy(db, 3)
    add_good_day(db)
    assert look(db).health is Health.HEALTHY
    with db.write() as conn:
        health.append_widening(conn, Widening(3, NOON, 1.4, 300, 243, NOON - DAY))
    shown = build_json(describe(db))
    assert shown["widening"] == {
        "factor": 1.4,
        "at": NOON.isoformat(),
        "since_at": (NOON - DAY).isoformat(),
        "n_labels": 300,
        "n_inside": 243,
        "message": "Intervals are 1.4 times as wide as training found since 1 March 12:00 UTC: as "
        "they were, only 81 % of the last 300 labels would lie inside, and 90 % should.",
    }
    assert shown["n_predictions"] == 1_000
    assert shown["n_labelled"] == 300
    assert shown["champion"] == "v3"
    assert shown["error_rate"] == 0.0
    assert isinstance(shown["accuracy"], float)
    assert 0.9 < shown["accuracy"] < 1.0
    assert isinstance(shown["skill"], float)
    assert shown["skill"] > 0.5


def test_each_figure_stands_beside_that_of_the_best_constant_guess(db: Database) -> None:
    deploy(db, 3)
    add_good_day(db)
    look(db)
    summary = describe(db)
    naive = build_json(summary)["naive"]
    assert isinstance(naive, dict)
    assert set(naive) == {"guess", "mae", "rmse", "accuracy"}
    assert naive["mae"] == pytest.approx(12.5, abs=1.5)  # scores are uniform over 50 points
    assert naive["rmse"] == pytest.approx(50 / 12**0.5, abs=1.5)
    assert naive["accuracy"] == pytest.approx(0.24, abs=0.03)
    said = of_health(summary)
    assert (
        f"within ±5 points   constant baseline {naive['accuracy']:.1%}\n  MAE ".replace("%", " %")
        in said
    )
    assert f"constant baseline {naive['mae']:.1f} (always {naive['guess']:g})\n  RMSE " in said
    assert f"constant baseline {naive['rmse']:.1f}\n  skill     7" in said


def test_too_few_labels_give_no_figure_in_the_text_but_the_reason(db: Database) -> None:
    deploy(db, 3)
    label_all(db, add_requests(db, "few", spread_times(NOON - DAY, NOON, 100))[:10], within=1.0)
    look(db)
    assert "\n  10 of 100 predictions have a label; 30 are needed" in of_health(describe(db))


def test_every_version_with_labels_is_looked_at_part_by_part(db: Database) -> None:
    for _ in range(3):
        add_version(db, FakeRegistry())
    deploy(db, 3)
    for version, n in ((1, 40), (2, 29), (3, 60)):
        times = spread_times(NOON - DAY, NOON, n)
        label_all(db, add_requests(db, f"v{version}-", times, version=version), within=0.9)
    look(db)
    found = measure_segments(db, scale=SCALE, tolerance=TOLERANCE, min_labels=30, now=NOON)
    assert [(report.version, report.n_labelled) for report in found] == [(1, 40), (3, 60)]
    summary = describe(db)
    assert [report.version for report in summary.segments] == [3, 1], "the champion's first"
    shown = build_json(summary)
    by_version = {one["version"]: one["segments"] for one in shown["versions"]}  # type: ignore[attr-defined]
    assert by_version["v1"]["n_labelled"] == 40
    assert by_version["v2"] is None
    assert by_version["v3"] == shown["segments"]


def test_the_figures_balance(db: Database) -> None:
    deploy(db, 3)
    add_good_day(db, failed=0.1, heuristic=0.2)
    look(db)
    shown = build_json(describe(db))
    parts = [shown[name] for name in ("n_model", "n_fallback", "n_failed")]
    assert shown["n_predictions"] == sum(parts) == 1_000  # type: ignore[arg-type]
    assert all(part > 50 for part in parts)  # type: ignore[operator]


def test_the_summary_says_why_no_model_answered(db: Database) -> None:
    deploy(db, 3)
    why = "v3 cannot be loaded; the score is the median of the labels."
    rows = [
        make_prediction(f"p{i}", at=NOON - HOUR, source=AnswerSource.HEURISTIC, reason=why)
        for i in range(3)
    ]
    add_predictions(db, rows)
    summary = describe(db)
    assert build_json(summary)["shortfalls"] == [{"source": "heuristic", "reason": why, "n": 3}]
    assert f"\n  3 answered by the heuristic: {why}\n" in of_health(summary)
    assert build_json(describe(db, window=MINUTE))["shortfalls"] == []


def test_only_what_is_new_is_appended(db: Database) -> None:
    look(db)
    look(db, NOON + MINUTE)
    deploy(db, 3)
    look(db, NOON + 2 * MINUTE)
    with db.read() as conn:
        changes = health.load_changes(conn, 10)
    assert [change.reasons[0].code for change in changes] == ["no_traffic", "deployment"]
    assert changes[0].at == NOON + 2 * MINUTE


def test_describing_writes_nothing(db: Database) -> None:
    deploy(db, 3)
    add_good_day(db)
    summary = describe(db)
    assert summary.n_unmeasured == 1_000
    assert summary.traffic.counts.n_attempted == 0
    with db.read() as conn:
        assert rollups.find_progress(conn) is None
        assert health.find_last_change(conn) is None


def test_the_last_requests_are_judged_over_the_shortest_window_that_holds_enough(
    db: Database,
) -> None:
    deploy(db, 3)
    add_good_day(db)
    reason = look(db).find_reason("error_rate")
    assert reason is not None
    assert "250 requests over 6 hours" in reason.message
    add_requests(db, "burst", spread_times(NOON - 10 * MINUTE, NOON, 200), failed=1.0)
    report = look(db)
    assert report.health is Health.CRITICAL
    reason = report.find_reason("error_rate")
    assert reason is not None
    assert "over 15 minutes" in reason.message


def test_accuracy_looks_back_as_far_as_it_must_to_find_enough_labels(db: Database) -> None:
    deploy(db, 3)
    ids = add_requests(db, "old", spread_times(NOON - 6 * DAY, NOON, 1_200))
    label_all(db, ids[:400], within=0.95)  # labels come days after the prediction
    reason = look(db).find_reason("accuracy")
    assert reason is not None
    assert reason.health is Health.HEALTHY
    assert "400 labels over 7 days" in reason.message


def test_a_new_champion_is_not_judged_by_its_predecessor_s_labels(db: Database) -> None:
    deploy(db, 3)
    ids = add_requests(db, "bad", spread_times(NOON - 20 * HOUR, NOON, 400))
    label_all(db, ids, within=0.4)
    assert look(db).health is Health.CRITICAL
    deploy(db, 4, NOON)
    reason = look(db).find_reason("accuracy")
    assert reason is not None
    assert reason.health is Health.UNKNOWN


def test_the_heuristic_s_answers_are_no_errors_of_the_model(db: Database) -> None:
    deploy(db, 3)
    add_good_day(db)
    wrong = [
        make_prediction(f"h{i}", at=NOON - HOUR, source=AnswerSource.HEURISTIC, score=90.0)
        for i in range(20)
    ]
    add_predictions(db, wrong)
    add_labels(db, [(row.id, 0.0) for row in wrong])
    report = look(db)
    accuracy = report.find_reason("accuracy")
    assert accuracy is not None
    assert accuracy.health is Health.HEALTHY
    assert describe(db).traffic.counts.n_labelled == 320


def test_scores_that_are_all_one_value_are_found(db: Database) -> None:
    deploy(db, 3)
    ids = add_requests(db, "flat", spread_times(NOON - 10 * HOUR, NOON, 400), score=61.0)
    label_all(db, ids[:200], within=1.0)
    report = look(db)
    assert report.health is Health.CRITICAL
    assert report.reasons[0].code == "collapsed"


def test_a_pause_is_stale_at_once_and_unusual_only_against_other_days(db: Database) -> None:
    deploy(db, 3)
    add_requests(db, "week", spread_times(NOON - 8 * DAY, NOON, 8_000))
    soon = look(db, NOON + 62 * MINUTE)
    assert soon.health is Health.STALE
    assert soon.reasons[0].confirmed  # 42 requests an hour came on other days
    reason = look(db, NOON + 30 * MINUTE).find_reason("no_traffic")
    assert reason is not None
    assert reason.health is Health.HEALTHY


def test_a_quiet_stream_s_pause_is_not_unusual(db: Database) -> None:
    deploy(db, 3)
    add_requests(db, "week", spread_times(NOON - 8 * DAY, NOON, 80))
    report = look(db, NOON + 4 * HOUR)
    assert report.health is Health.STALE
    assert not report.reasons[0].confirmed


def test_labels_for_predictions_that_nobody_knows_are_counted_apart(db: Database) -> None:
    deploy(db, 3)
    add_good_day(db)
    add_labels(db, [("nobody", 1.0), ("knows", 2.0)])
    look(db)
    shown = build_json(describe(db))
    assert shown["n_labelled"] == 300
    assert shown["n_unmatched_labels"] == 2


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_champion_trained_on_generated_rows_is_marked(db: Database, synthetic: bool) -> None:
    add_version(db, FakeRegistry())
    if synthetic:
        with db.write() as conn:
            first = versions.get_version(conn, 1)
            number = versions.append_version(
                conn,
                snapshot_id=first.snapshot_id,
                artifact_hash="demo",
                report=replace(make_report(), synthetic=True),
                by="ada",
                now=NOON,
            ).number
    else:
        number = 1
    deploy(db, number)
    add_requests(db, "a", spread_times(NOON - DAY, NOON, 100), version=number)
    look(db)
    shown = build_json(describe(db))
    assert shown["synthetic"] is synthetic
    assert shown["versions"][0]["synthetic"] is synthetic  # type: ignore[index]


def test_a_worker_whose_lease_ran_out_is_a_reason(db: Database) -> None:
    deploy(db, 3)
    add_good_day(db)
    look(db)
    with db.write() as conn:
        schedule.claim_lease(conn, "scheduler", "worker:host:1", NOON)
    alive = describe(db, NOON, worker_lease="scheduler")
    assert alive.report.find_reason("worker") is None
    dead = describe(db, NOON + MINUTE, worker_lease="scheduler")
    reason = dead.report.find_reason("worker")
    assert reason is not None
    assert reason.health is Health.WARNING
    assert describe(db, NOON + MINUTE).report.find_reason("worker") is None


def test_what_waits_to_be_counted_is_a_reason_once_it_waits_long(db: Database) -> None:
    deploy(db, 3)
    add_good_day(db)
    look(db)
    with db.write() as conn:
        batches.append_batches(conn, [make_batch(2_000, at=NOON)])
    for minutes, is_reason in ((2, False), (3, True)):
        with db.write() as conn:
            schedule.claim_lease(conn, "scheduler", "worker:host:1", NOON + minutes * MINUTE)
        summary = describe(db, NOON + minutes * MINUTE, worker_lease="scheduler")
        assert (summary.report.find_reason("measuring") is not None) == is_reason
    later = NOON + 3 * MINUTE
    assert look(db, later, worker_lease="scheduler").find_reason("measuring") is None


def test_the_window_of_the_summary_starts_with_a_whole_step(db: Database) -> None:
    now = NOON + timedelta(minutes=34, seconds=5)
    day, month = describe(db, now), describe(db, now, window=30 * DAY)
    assert day.traffic.from_at == NOON - DAY
    assert len(day.traffic.series) == 25
    assert month.traffic.from_at == (NOON - 30 * DAY).replace(hour=0)
    assert month.performance.from_at == month.traffic.from_at
