"""What a change promised is held against what it delivered, pair by pair."""

from datetime import timedelta

import pytest

from core.deployment.release import deploy, rollback
from core.deployment.trial_status import find_promise, load_delivered
from core.domain.prediction import Label
from core.domain.training_report import Estimate
from core.domain.trial import ShadowOutcome, ShadowScore
from core.store.engine.database import Database
from core.store.models import deployments, trials, versions
from core.store.predictions import predictions
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version, keep_labels, make_prediction

LATER = NOON + timedelta(days=2)


@pytest.fixture
def registry(db: Database) -> FakeRegistry:
    """v2 has taken over from v1."""
    registry = FakeRegistry()
    for number in (1, 2):
        add_version(db, registry)
        deploy(db, registry, number, reason="r", by="ada", override=False, now=NOON)  # type: ignore[arg-type]
    return registry


def answer_requests(db: Database, n: int) -> None:
    """v2 says 73, v1 would have said 70, and 74 was true."""
    with db.write() as conn:
        for i in range(n):
            kept = make_prediction(f"p{i}", version=2, revision=2, score=73.0, at=NOON)
            predictions.append_predictions(conn, [kept])
            trials.append_shadow_scores(
                conn, [ShadowScore(kept.id, 1, ShadowOutcome.SCORED, 70.0, 1.0, None)]
            )
            keep_labels(conn, [Label(kept.id, 74.0, NOON, "ada", NOON)])


def test_the_version_before_and_the_champion_are_compared_on_the_same_requests(
    db: Database, registry: FakeRegistry
) -> None:
    answer_requests(db, 60)
    with db.read() as conn:
        found = load_delivered(conn, deployments.load_history(conn), LATER)
    assert found is not None
    assert (found.before, found.champion, found.n_pairs) == (1, 2, 60)
    assert (found.mae_before, found.mae_champion) == (4.0, 1.0)
    assert found.gain is not None
    assert found.gain.value == pytest.approx(3.0)
    assert found.until_at == NOON + timedelta(days=14)


def test_without_a_label_nothing_was_delivered_yet(db: Database, registry: FakeRegistry) -> None:
    with db.read() as conn:
        found = load_delivered(conn, deployments.load_history(conn), LATER)
    assert found is not None
    assert (found.n_pairs, found.mae_before, found.gain) == (0, None, None)


def test_after_a_rollback_nothing_is_compared(db: Database, registry: FakeRegistry) -> None:
    rollback(db, registry, None, reason="r", by="ada", now=NOON)  # type: ignore[arg-type]
    with db.read() as conn:
        assert load_delivered(conn, deployments.load_history(conn), LATER) is None


def test_the_promise_is_that_of_the_trial_or_of_the_training(
    db: Database, registry: FakeRegistry
) -> None:
    with db.read() as conn:
        version = versions.get_version(conn, 2)
    of_trial = {"trial_result": {"estimate": {"value": 1.0, "low": 0.5, "high": 1.5}}}
    assert find_promise(of_trial, version, 1) == Estimate(1.0, 0.5, 1.5)
    assert find_promise({"trial_result": {"estimate": None}}, version, 1) is None
