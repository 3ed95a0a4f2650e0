"""Rollups are replaced whole, and what changed is found by the order of commits."""

from datetime import timedelta

import pytest

from core.domain.monitoring import DAY, HOUR, MINUTE, Outcomes, Rollup, RollupProgress, floor_time
from core.domain.prediction import AnswerSource, Shortfall
from core.store.engine.database import Database
from core.store.predictions import rollups
from core.store.predictions.batches import append_batches
from tests.fakes import make_batch, make_prediction
from tests.streams import NOON, add_labels, add_predictions

START = RollupProgress("0:100", 0, 0, NOON)
ROLLUP = Rollup(
    seconds=MINUTE,
    start_at=NOON,
    version=3,
    source=AnswerSource.MODEL,
    n=3,
    latency={582: 2, 0: 1},
    scores={30: 3},
    outcomes=Outcomes(2, 1, -1.5, 4.5, 10.25, {120: (2, 120.5)}),
)


def test_a_rollup_comes_back_as_it_was_saved(db: Database) -> None:
    plain = Rollup(MINUTE, NOON, 4, AnswerSource.FAILED, 1, {700: 1}, {})
    with db.write() as conn:
        rollups.save_rollups(conn, MINUTE, [NOON], [ROLLUP, plain])
    with db.read() as conn:
        found = rollups.load_rollups(conn, MINUTE, NOON, NOON + timedelta(minutes=1))
    assert found == [ROLLUP, plain]


def test_saving_a_span_again_replaces_all_its_versions_and_no_other_span(db: Database) -> None:
    hour = Rollup(HOUR, NOON, 3, AnswerSource.MODEL, 9, {1: 9}, {1: 9})
    later = Rollup(MINUTE, NOON + timedelta(minutes=1), 3, AnswerSource.MODEL, 1, {1: 1}, {1: 1})
    with db.write() as conn:
        rollups.save_rollups(conn, HOUR, [NOON], [hour])
        rollups.save_rollups(conn, MINUTE, [NOON, later.start_at], [ROLLUP, later])
        rollups.save_rollups(conn, MINUTE, [NOON], [])
    with db.read() as conn:
        assert rollups.load_rollups(conn, MINUTE, NOON, NOON + timedelta(hours=1)) == [later]
        assert rollups.load_rollups(conn, HOUR, NOON, NOON + timedelta(hours=1)) == [hour]
        assert rollups.load_rollups(conn, DAY, NOON, NOON + timedelta(days=1)) == []


def test_there_is_one_progress_and_none_at_first(db: Database) -> None:
    with db.read() as conn:
        assert rollups.find_progress(conn) is None
    later = RollupProgress("0:10", 7, 8, NOON)
    with db.write() as conn:
        rollups.save_progress(conn, START)
        rollups.save_progress(conn, later)
        assert rollups.find_progress(conn) == later
        rollups.reset_rollups(conn)
        assert rollups.find_progress(conn) is None


def test_changes_are_the_minutes_of_new_predictions_however_old_they_are(db: Database) -> None:
    old = NOON - timedelta(days=40, seconds=1)
    add_predictions(db, [make_prediction("a", at=NOON), make_prediction("b", at=old)])
    with db.read() as conn:
        changes = rollups.load_changes(conn, START, 100)
        again = rollups.load_changes(
            conn, RollupProgress("0:100", changes.prediction_seq, changes.label_id, NOON), 100
        )
    assert changes.minutes == (floor_time(old, MINUTE), NOON)
    assert again.minutes == ()
    assert again.prediction_seq == changes.prediction_seq


def test_a_label_changes_the_minute_of_a_prediction_that_was_counted(db: Database) -> None:
    add_predictions(db, [make_prediction("a", at=NOON)])
    with db.read() as conn:
        first = rollups.load_changes(conn, START, 100)
    add_labels(db, [("a", 70.0), ("nobody", 1.0)])
    counted = RollupProgress("0:100", first.prediction_seq, first.label_id, NOON)
    with db.read() as conn:
        changes = rollups.load_changes(conn, counted, 100)
    assert changes.minutes == (NOON,)
    assert changes.label_id > first.label_id


def test_changes_come_in_pieces(db: Database) -> None:
    add_predictions(db, [make_prediction(str(i), at=NOON + timedelta(minutes=i)) for i in range(5)])
    minutes, progress = [], START
    for _ in range(3):
        with db.read() as conn:
            changes = rollups.load_changes(conn, progress, 2)
        minutes.append(len(changes.minutes))
        progress = RollupProgress("0:100", changes.prediction_seq, changes.label_id, NOON)
    assert minutes == [2, 2, 1]


def test_an_observation_carries_the_label_received_last(db: Database) -> None:
    add_predictions(
        db,
        [
            make_prediction("a", at=NOON + timedelta(seconds=59), score=60.0),
            make_prediction("b", at=NOON, score=None, source=AnswerSource.FAILED),
            make_prediction("outside", at=NOON + timedelta(minutes=1)),
        ],
    )
    add_labels(db, [("a", 10.0), ("a", 0.0)])
    with db.read() as conn:
        found = list(rollups.stream_observations(conn, [(NOON, NOON + timedelta(minutes=1))]))
    assert {row.minute_at for row in found} == {NOON}
    assert sorted((row.source.value, row.score, row.actual) for row in found) == [
        ("failed", None, None),
        ("model", 60.0, 0.0),
    ]


def test_labels_without_a_prediction_are_counted_until_it_comes(db: Database) -> None:
    add_labels(db, [("early", 1.0), ("never", 2.0), ("never", 3.0)])
    with db.write() as conn:
        changes = rollups.load_changes(conn, START, 100)
        one = RollupProgress("0:100", changes.prediction_seq, changes.label_id, NOON)
        rollups.update_unmatched(conn, START, one)
        assert rollups.count_unmatched(conn) == 2
    add_predictions(db, [make_prediction("early")])
    with db.write() as conn:
        changes = rollups.load_changes(conn, one, 100)
        two = RollupProgress("0:100", changes.prediction_seq, changes.label_id, NOON)
        rollups.update_unmatched(conn, one, two)
        rollups.update_unmatched(conn, START, two)  # whoever repeats it changes nothing
        assert rollups.count_unmatched(conn) == 1


def test_predictions_that_wait_to_be_counted_are_counted_up_to_a_limit(db: Database) -> None:
    add_predictions(db, [make_prediction(str(i)) for i in range(5)])
    with db.write() as conn:
        assert rollups.count_unmeasured(conn, 3) == 3
        changes = rollups.load_changes(conn, START, 4)
        rollups.save_progress(
            conn, RollupProgress("0:100", changes.prediction_seq, changes.label_id, NOON)
        )
        assert rollups.count_unmeasured(conn, 3) == 1


def test_the_first_request_that_is_not_counted_is_found_in_the_log_and_in_batches(
    db: Database,
) -> None:
    with db.write() as conn:
        assert rollups.find_first_unmeasured_at(conn) is None
        append_batches(conn, [make_batch(3, at=NOON)])
        assert (rollups.count_unmeasured(conn, 9), rollups.count_unmeasured(conn, 2)) == (3, 2)
        assert rollups.find_first_unmeasured_at(conn) == NOON
    earlier = NOON - timedelta(minutes=1)
    add_predictions(db, [make_prediction("counted", at=earlier), make_prediction("b", at=earlier)])
    with db.write() as conn:
        assert rollups.find_first_unmeasured_at(conn) == earlier
        rollups.save_progress(conn, RollupProgress("0:100", 2, 0, NOON))
        assert rollups.find_first_unmeasured_at(conn) == NOON


def test_requests_are_counted_from_the_minutes(db: Database) -> None:
    later = Rollup(MINUTE, NOON + timedelta(minutes=1), 3, AnswerSource.FAILED, 4, {1: 4}, {})
    with db.write() as conn:
        rollups.save_rollups(conn, MINUTE, [NOON, later.start_at], [ROLLUP, later])
        assert rollups.count_predictions(conn, NOON, later.start_at) == 3
        assert rollups.count_predictions(conn, NOON, NOON + timedelta(hours=1)) == 7
        assert rollups.count_predictions(conn, NOON - timedelta(hours=1), NOON) == 0


def test_the_first_and_the_last_request_are_found_measured_or_not(db: Database) -> None:
    with db.read() as conn:
        assert rollups.find_first_prediction_at(conn) is None
        assert rollups.find_last_prediction_at(conn) is None
    early = NOON - timedelta(days=3)
    add_predictions(db, [make_prediction("a", at=NOON), make_prediction("b", at=early)])
    with db.read() as conn:
        assert rollups.find_first_prediction_at(conn) == early
        assert rollups.find_last_prediction_at(conn) == NOON


def test_recent_scores_are_those_of_one_version_s_model(db: Database) -> None:
    add_predictions(
        db,
        [
            make_prediction("old", at=NOON - timedelta(days=2)),
            make_prediction("a", at=NOON, score=60.0, features={"x": 1.0}),
            make_prediction("b", at=NOON, score=61.0, features={"x": 2.0}),
            make_prediction("other", at=NOON, version=4),
            make_prediction("fallback", at=NOON, source=AnswerSource.HEURISTIC),
        ],
    )
    with db.read() as conn:
        found = rollups.load_recent_scores(conn, 3, NOON - timedelta(days=1), 100)
        newest = rollups.load_recent_scores(conn, 3, NOON - timedelta(days=1), 1)
    assert found == [(61.0, '{"x":2.0}'), (60.0, '{"x":1.0}')]
    assert newest == [(61.0, '{"x":2.0}')]


def test_why_no_model_answered_is_counted_by_reason(db: Database) -> None:
    heuristic, failed = (
        {"at": NOON, "source": source, "reason": f"{source} because"}
        for source in (AnswerSource.HEURISTIC, AnswerSource.FAILED)
    )
    add_predictions(
        db,
        [
            make_prediction("beyond", **failed),
            make_prediction("before", **{**failed, "at": NOON - timedelta(days=2)}),
            *(make_prediction(f"h{i}", **heuristic) for i in range(2)),
            *(make_prediction(f"f{i}", **failed) for i in range(3)),
            make_prediction("model", at=NOON),
        ],
    )
    since_at = NOON - timedelta(days=1)
    with db.read() as conn:
        found = rollups.count_shortfalls(conn, since_at, limit=7, most=5)
        first = rollups.count_shortfalls(conn, since_at, limit=7, most=1)
    assert found == [
        Shortfall(AnswerSource.FAILED, "failed because", 3),
        Shortfall(AnswerSource.HEURISTIC, "heuristic because", 2),
    ]
    assert first == found[:1]


@pytest.mark.parametrize("seconds", [MINUTE, HOUR, DAY])
def test_a_span_starts_at_or_before_the_moment_it_holds(seconds: int) -> None:
    at = NOON + timedelta(seconds=59, microseconds=999_999)
    start = floor_time(at, seconds)
    assert start <= at < start + timedelta(seconds=seconds)
    assert floor_time(start, seconds) == start
