"""Retraining decisions are kept in their order."""

from datetime import timedelta

from core.domain.retraining import RetrainingDecision
from core.store import retraining
from core.store.database import Database
from tests.fakes import make_prediction
from tests.streams import NOON, add_labels, add_predictions

NO = RetrainingDecision(NOON, False, ("Two days old.", "No rows."), ("off",), None, "plumbline")
YES = RetrainingDecision(NOON + timedelta(days=5), True, ("Due.",), ("age",), 7, "ada")


def test_decisions_come_back_as_they_were_kept_newest_first(db: Database) -> None:
    with db.write() as conn:
        for decision in (NO, YES):
            retraining.append_decision(conn, decision)
        assert retraining.load_decisions(conn, 10) == [YES, NO]
        assert retraining.load_decisions(conn, 1) == [YES]


def test_new_labels_are_those_of_known_predictions_received_later(db: Database) -> None:
    add_predictions(db, [make_prediction("a"), make_prediction("b"), make_prediction("c")])
    add_labels(db, [("a", 1.0)], NOON - timedelta(hours=1))
    add_labels(db, [("b", 1.0), ("b", 2.0), ("nobody", 3.0)], NOON)
    with db.read() as conn:
        assert retraining.count_new_labels(conn, NOON - timedelta(hours=2)) == 2
        assert retraining.count_new_labels(conn, NOON - timedelta(hours=1)) == 1
        assert retraining.count_new_labels(conn, NOON) == 0


def test_without_collections_no_sample_is_new(db: Database) -> None:
    with db.read() as conn:
        assert retraining.count_new_samples(conn, NOON, synthetic=True) == 0
