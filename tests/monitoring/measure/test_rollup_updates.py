"""Measuring counts everything once, however late, in pieces, and by several processes at once."""

import threading
from datetime import datetime, timedelta

import numpy as np
import pytest

from core.domain.monitoring import DAY, HOUR, MINUTE, Rollup
from core.domain.prediction import AnswerSource
from core.monitoring.measure import rollup_updates
from core.monitoring.measure.performance import load_performance
from core.monitoring.measure.rollup_updates import load_window, measure
from core.monitoring.measure.rollups import build_longer, build_minutes
from core.monitoring.measure.traffic import Traffic, summarize_traffic
from core.settings import Scale
from core.store.engine.database import Database
from core.store.predictions import rollups
from core.store.predictions.batches import append_batches
from tests.fakes import make_batch, make_prediction
from tests.streams import (
    NOON,
    SCALE,
    TOLERANCE,
    add_labels,
    add_predictions,
    add_requests,
    label_all,
    spread_times,
)

FOREVER = (NOON - timedelta(days=400), NOON + timedelta(days=2))


def count(db: Database, **options: int) -> int:
    return measure(db, NOON, scale=SCALE, tolerance=TOLERANCE, **options)


def load(db: Database, seconds: int) -> list[Rollup]:
    with db.read() as conn:
        return rollups.load_rollups(conn, seconds, *FOREVER)


def count_directly(db: Database) -> list[Rollup]:
    with db.read() as conn:
        rows = list(rollups.stream_observations(conn, [FOREVER]))
    return build_minutes(rows, scale=SCALE, tolerance=TOLERANCE)


def assert_right(db: Database) -> None:
    """Every length of rollup says what a count of all rows says, up to the order of sums."""
    minutes = count_directly(db)
    for seconds in (MINUTE, HOUR, DAY):
        found, expected = load(db, seconds), build_longer(minutes, seconds)
        assert [(r.start_at, r.version, r.source, r.n, r.latency, r.scores) for r in found] == [
            (r.start_at, r.version, r.source, r.n, r.latency, r.scores) for r in expected
        ]
        for a, b in zip(found, expected, strict=True):
            assert (a.outcomes.n, a.outcomes.n_within) == (b.outcomes.n, b.outcomes.n_within)
            assert a.outcomes.sum_abs == pytest.approx(b.outcomes.sum_abs)
            assert set(a.outcomes.actuals) == set(b.outcomes.actuals)


def add_days(db: Database, n_days: int = 3) -> list[str]:
    times = spread_times(NOON - timedelta(days=n_days), NOON, 200 * n_days)
    return add_requests(db, "a", times, failed=0.05, heuristic=0.1)


def test_everything_is_counted_by_minute_hour_and_day(db: Database) -> None:
    label_all(db, add_days(db)[:300], within=0.8)
    assert count(db) > 0
    assert_right(db)


def test_measuring_again_finds_nothing_to_do(db: Database) -> None:
    add_days(db)
    count(db)
    before = load(db, DAY)
    assert count(db) == 0
    assert load(db, DAY) == before


def test_a_worker_that_was_down_for_days_catches_up_in_pieces(db: Database) -> None:
    ids = add_days(db, 5)
    label_all(db, ids[:200], within=0.8)
    assert count(db, piece_rows=90, max_pieces=3) > 0
    with db.read() as conn:
        assert rollups.count_unmeasured(conn, 10_000) == 1_000 - 3 * 90
    while count(db, piece_rows=90, max_pieces=3):
        pass
    assert_right(db)


def test_a_prediction_that_is_committed_late_is_counted_however_old(db: Database) -> None:
    add_days(db)
    count(db)
    late = [make_prediction(f"late{i}", at=NOON - timedelta(days=i)) for i in (0, 1, 2, 300)]
    add_predictions(db, late)
    assert count(db) == 4
    assert_right(db)


def test_the_rows_of_a_batch_that_waits_are_counted_with_their_labels(db: Database) -> None:
    batch = make_batch(30)
    with db.write() as conn:
        append_batches(conn, [batch])
    add_labels(db, [(batch.ids[7], 60.0)])
    assert count(db) == 1
    assert_right(db)
    assert sum(rollup.n for rollup in load(db, DAY)) == 30
    with db.read() as conn:
        assert rollups.count_unmatched(conn) == 0


def test_late_corrected_and_early_labels_reach_the_minute_of_their_prediction(
    db: Database,
) -> None:
    ids = add_days(db)
    add_labels(db, [("early", 70.0)])
    count(db)
    label_all(db, ids[:50], within=1.0)
    count(db)
    add_labels(db, [(ids[0], 0.0), (ids[1], 1.0)], NOON + timedelta(days=1))
    add_predictions(db, [make_prediction("early", at=NOON)])
    assert count(db) == 3
    assert_right(db)
    assert sum(r.outcomes.n for r in load(db, DAY)) == 51


def test_another_tolerance_counts_everything_anew(db: Database) -> None:
    label_all(db, add_days(db)[:100], within=0.5)  # the others are 12 off
    count(db)
    n_within = sum(r.outcomes.n_within for r in load(db, DAY))
    measure(db, NOON, scale=SCALE, tolerance=20.0)
    assert 0 < n_within < 100
    assert sum(r.outcomes.n_within for r in load(db, DAY)) == 100


def test_a_crash_between_two_writes_loses_and_doubles_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_days(db)
    monkeypatch.setattr(rollup_updates, "_WRITE_ROWS", 50)
    real, calls = rollups.save_rollups, []

    def crash_at_third(*args: object) -> None:
        calls.append(args)
        if len(calls) == 5:
            raise KeyboardInterrupt
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rollups, "save_rollups", crash_at_third)
    with pytest.raises(KeyboardInterrupt):
        count(db)
    assert load(db, MINUTE) != []
    with db.read() as conn:
        progress = rollups.find_progress(conn)
    assert progress is not None
    assert progress.prediction_seq == 0
    count(db)
    assert_right(db)


def test_two_processes_that_measure_at_once_count_once(db: Database) -> None:
    def work() -> None:
        count(db, piece_rows=40, max_pieces=100)

    for day in range(3):
        times = spread_times(NOON - timedelta(days=day + 1), NOON - timedelta(days=day), 150)
        ids = add_requests(db, f"d{day}-", times)
        label_all(db, ids[:60], within=0.8)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    count(db)
    assert_right(db)


def test_an_empty_log_is_measured_too(db: Database) -> None:
    assert count(db) == 0
    with db.read() as conn:
        progress = rollups.find_progress(conn)
    assert progress is not None
    assert progress.measured_at == NOON


def load_traffic(db: Database, from_at: datetime, to_at: datetime) -> Traffic:
    with db.read() as conn:
        return summarize_traffic(load_window(conn, from_at, to_at), from_at, to_at, scale=SCALE)


def test_traffic_by_hand(db: Database) -> None:
    add_predictions(
        db,
        [
            make_prediction("a", at=NOON - timedelta(minutes=5), latency_ms=10.0),
            make_prediction("b", at=NOON - timedelta(minutes=5), latency_ms=20.0),
            make_prediction("c", at=NOON - timedelta(hours=5), latency_ms=30.0, version=2),
            make_prediction(
                "d", at=NOON - timedelta(hours=5), latency_ms=40.0, source=AnswerSource.HEURISTIC
            ),
            make_prediction(
                "e",
                at=NOON - timedelta(hours=30),
                latency_ms=900.0,
                source=AnswerSource.FAILED,
                score=None,
            ),
        ],
    )
    add_labels(db, [("a", 70.0)])
    count(db)
    day = load_traffic(db, NOON - timedelta(days=1), NOON)
    assert day.counts.n_attempted == 4
    assert (day.counts.n_model, day.counts.n_heuristic, day.counts.n_failed) == (3, 1, 0)
    assert day.counts.error_rate == 0.0
    assert day.counts.fallback_share == 0.25
    assert day.counts.coverage == 0.25
    assert day.counts.p50_ms == pytest.approx(20.0, rel=0.01)
    assert day.counts.p99_ms == pytest.approx(40.0, rel=0.01)
    assert {number: counts.n_attempted for number, counts in day.versions.items()} == {2: 1, 3: 3}
    assert sum(day.score_counts[3]) == 2
    assert day.score_counts[3][35] == 2  # 71.5 on 0..100 in 50 parts
    week = load_traffic(db, NOON - timedelta(days=7), NOON)
    assert week.counts.n_attempted == 5
    assert week.counts.error_rate == 0.2


def test_a_window_without_requests_has_zeros_and_no_shares(db: Database) -> None:
    traffic = load_traffic(db, NOON - timedelta(days=1), NOON)
    assert traffic.counts.n_attempted == 0
    assert traffic.counts.error_rate is None
    assert traffic.counts.fallback_share is None
    assert traffic.counts.p95_ms is None
    assert len(traffic.series) == 24
    assert traffic.score_counts == {}


def test_a_window_that_starts_within_an_hour_counts_from_its_minute_on(db: Database) -> None:
    times = spread_times(NOON - timedelta(days=3), NOON, 3 * 24 * 60)
    add_requests(db, "a", times)
    count(db)
    rng = np.random.default_rng(5)
    for _ in range(20):
        start, length = (int(value) for value in rng.integers(1, 2_000, 2))
        from_at = NOON - timedelta(days=3) + timedelta(minutes=start)
        to_at = from_at + timedelta(minutes=length)
        assert load_traffic(db, from_at, to_at).counts.n_attempted == length


def test_only_what_the_model_answered_counts_as_the_model_s(db: Database) -> None:
    ids = add_requests(db, "a", spread_times(NOON - timedelta(hours=6), NOON, 100))
    label_all(db, ids, within=1.0)
    at = NOON - timedelta(hours=2)
    wrong = [
        make_prediction(f"h{i}", at=at, source=AnswerSource.HEURISTIC, score=90.0)
        for i in range(40)
    ]
    add_predictions(db, wrong)
    add_labels(db, [(row.id, 10.0) for row in wrong])
    count(db)
    found = load_performance(
        db, NOON - timedelta(days=1), NOON, tolerance=TOLERANCE, scale=SCALE, min_labels=30
    )
    assert found.model.n_labelled == 100
    assert found.model.accuracy is not None
    assert found.model.accuracy.value == 1.0
    assert found.heuristic.accuracy is not None
    assert found.heuristic.accuracy.value == 0.0
    assert found.heuristic.mae is not None
    assert found.heuristic.mae.value == 80.0


def test_another_scale_works_too(db: Database) -> None:
    scale = Scale(-1.0, 1.0)
    rows = [make_prediction(str(i), at=NOON, score=0.5) for i in range(30)]
    add_predictions(db, rows)
    add_labels(db, [(row.id, -0.5) for row in rows])
    measure(db, NOON, scale=scale, tolerance=0.1)
    found = load_performance(
        db, NOON, NOON + timedelta(minutes=1), tolerance=0.1, scale=scale, min_labels=30
    )
    assert found.model.mae is not None
    assert found.model.mae.value == 1.0
    assert found.model.naive is not None
    assert found.model.naive.guess == -0.5
    assert found.model.skill is None  # always answering -0.5 makes no error
