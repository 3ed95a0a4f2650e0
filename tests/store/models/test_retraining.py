"""Retraining decisions are kept in their order."""

from datetime import timedelta

from core.domain.deployment import RetrainingDecision
from core.domain.sample import Provenance
from core.store.engine.database import Database
from core.store.models import deployments
from tests.streams import NOON

NO = RetrainingDecision(NOON, False, ("Two days old.", "No rows."), ("off",), None, "plumbline")
YES = RetrainingDecision(NOON + timedelta(days=5), True, ("Due.",), ("age",), 7, "ada")


def test_decisions_come_back_as_they_were_kept_newest_first(db: Database) -> None:
    with db.write() as conn:
        for decision in (NO, YES):
            deployments.append_decision(conn, decision)
        assert deployments.load_decisions(conn, 10) == [YES, NO]
        assert deployments.load_decisions(conn, 1) == [YES]


def test_without_collections_no_sample_is_new(db: Database) -> None:
    with db.read() as conn:
        assert deployments.count_new_samples(conn, NOON, [Provenance.REAL]) == {Provenance.REAL: 0}
