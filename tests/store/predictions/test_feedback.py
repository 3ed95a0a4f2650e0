"""Which labelled predictions wait to become samples, whichever of the two came first."""

from datetime import timedelta

from core.domain.prediction import FeedbackProgress
from core.store.engine.database import Database
from core.store.predictions import feedback
from tests.fakes import AN_HOUR_BEFORE, make_prediction
from tests.streams import NOON, add_labels, add_predictions


def load(
    db: Database, after: FeedbackProgress, limit: int = 100
) -> tuple[list[tuple[str, float]], FeedbackProgress]:
    with db.read() as conn:
        waiting = feedback.load_waiting(conn, after, limit)
    return [(row.prediction_id, row.actual) for row in waiting.rows], waiting.upto


def test_the_label_received_last_is_the_one_that_counts(db: Database) -> None:
    add_predictions(db, [make_prediction("a"), make_prediction("b")])
    add_labels(db, [("a", 1.0), ("a", 2.0), ("nobody", 3.0)])
    assert load(db, FeedbackProgress()) == ([("a", 2.0)], FeedbackProgress(3, 2))
    assert load(db, FeedbackProgress(3, 2)) == ([], FeedbackProgress(3, 2))


def test_a_prediction_that_is_logged_after_its_label_is_found(db: Database) -> None:
    add_labels(db, [("late", 1.0)])
    rows, upto = load(db, FeedbackProgress())
    assert (rows, upto) == ([], FeedbackProgress(1, 0))
    add_predictions(db, [make_prediction("other"), make_prediction("late")])
    assert load(db, upto) == ([("late", 1.0)], FeedbackProgress(1, 2))


def test_late_ones_come_in_pieces_too(db: Database) -> None:
    names = [f"p{i}" for i in range(5)]
    add_labels(db, [(name, 7.0) for name in names])
    _, upto = load(db, FeedbackProgress())
    add_predictions(db, [make_prediction(name) for name in names])
    found = []
    while upto.prediction_seq < 5:
        rows, upto = load(db, upto, limit=2)
        found += [name for name, _ in rows]
    assert found == names


def test_what_was_asked_comes_as_it_was_served(db: Database) -> None:
    made = NOON - timedelta(days=3)
    asked = make_prediction("a", text="def f(): ...", unit_id="repo-7", event_at=made)
    add_predictions(db, [asked, make_prediction("b")])
    add_labels(db, [("a", 1.0), ("b", 2.0)])
    with db.read() as conn:
        first, second = feedback.load_waiting(conn, FeedbackProgress(), 10).rows
    assert (first.features, first.text, first.unit_id) == (asked.features, asked.text, "repo-7")
    assert (first.made_at, second.made_at) == (made, AN_HOUR_BEFORE)


def test_only_labels_of_known_predictions_wait(db: Database) -> None:
    add_predictions(db, [make_prediction("a"), make_prediction("b")])
    add_labels(db, [("a", 1.0), ("b", 1.0), ("b", 2.0), ("nobody", 3.0)])
    with db.write() as conn:
        assert feedback.count_waiting(conn) == 2
        feedback.save_progress(conn, FeedbackProgress(1, 2))
        assert feedback.count_waiting(conn) == 1
        feedback.save_progress(conn, FeedbackProgress(4, 2))
        assert feedback.count_waiting(conn) == 0


def test_labels_that_are_scores_of_ours_are_counted_own_and_previous_ones_apart(
    db: Database,
) -> None:
    scores = [("a", "u", 10.0), ("b", "v", 50.0), ("c", "u", 20.0), ("d", "u", 30.0)]
    add_predictions(db, [make_prediction(i, unit_id=u, score=s) for i, u, s in scores])
    add_predictions(db, [make_prediction("alone", score=70.0), make_prediction("last", score=80.0)])
    add_labels(db, [("a", 10.0), ("b", 10.0), ("c", 10.0), ("d", 20.0)])
    add_labels(db, [("alone", 5.0), ("last", 70.0), ("nobody", 1.0)])
    with db.read() as conn:
        assert feedback.count_own_scores(conn) == feedback.OwnScores(6, 1, 2)
