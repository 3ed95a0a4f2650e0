"""Labels that fall outside intervals too often make them wider, and narrower again afterwards."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from core.deployment.release import deploy
from core.domain.prediction import AnswerSource, Label
from core.domain.version import Widening, describe_widening
from core.monitoring.interval_calibration import measure_widenings
from core.store.engine.database import Database
from core.store.monitoring import health
from core.store.predictions import labels, predictions
from tests.fakes import AN_HOUR_BEFORE, FakeRegistry, add_version, make_prediction
from tests.people import person

NOON = AN_HOUR_BEFORE + timedelta(hours=1)


@pytest.fixture
def registry(db: Database) -> FakeRegistry:
    """A version that serves, whose intervals reach 4 points from the score."""
    registry = FakeRegistry()
    version = add_version(db, registry)
    deploy(db, registry, version.number, reason="tests", by=person("ada"), override=False, now=NOON)  # type: ignore[arg-type]
    return registry


def add_errors(
    db: Database, seed: int, n: int, spread: float, source: AnswerSource = AnswerSource.MODEL
) -> None:
    """Labelled predictions of v1 with Gaussian errors; 90 % of 4 points is a spread of 2.43."""
    errors = spread * np.random.default_rng(seed).standard_normal(n)
    names = [f"{seed}-{i}" for i in range(n)]
    with db.write() as conn:
        predictions.append_predictions(
            conn,
            [
                make_prediction(name, at=NOON, version=1, score=70.0, source=source)
                for name in names
            ],
        )
        given = [
            (Label(name, 70.0 + error, NOON, "ada", NOON), True)
            for name, error in zip(names, errors.tolist(), strict=True)
        ]
        labels.append_labels(conn, given)


def measure(db: Database, registry: FakeRegistry, at: datetime) -> list[Widening]:
    return measure_widenings(db, registry, at)  # type: ignore[arg-type]


def test_nothing_is_measured_before_a_version_serves(db: Database) -> None:
    assert measure(db, FakeRegistry(), NOON) == []


def test_intervals_that_hold_are_left_alone(db: Database, registry: FakeRegistry) -> None:
    add_errors(db, 1, 400, 2.43)
    assert measure(db, registry, NOON) == []


def test_intervals_are_widened_once_and_given_back_when_errors_are_as_before(
    db: Database, registry: FakeRegistry
) -> None:
    add_errors(db, 1, 300, 2.43)
    add_errors(db, 2, 400, 1.6 * 2.43)
    [wider] = measure(db, registry, NOON)
    assert (wider.version, wider.n_labels, wider.since_at) == (1, 300, NOON)
    assert 1.4 <= wider.factor <= 1.9
    assert 0.62 <= wider.n_inside / wider.n_labels <= 0.76
    assert measure(db, registry, NOON + timedelta(minutes=1)) == []

    add_errors(db, 3, 200, 2 * 2.43)
    [more] = measure(db, registry, NOON + timedelta(hours=1))
    assert more.factor > wider.factor
    assert more.since_at == NOON
    said = describe_widening(more)
    assert said is not None
    assert said.startswith(f"Intervals are {more.factor:g} times as wide as training found since 2")

    add_errors(db, 4, 700, 2.43)
    [back] = measure(db, registry, NOON + timedelta(hours=2))
    assert (back.factor, back.since_at) == (1.0, None)
    assert describe_widening(back) is None
    with db.read() as conn:
        assert health.find_factor(conn, 1) == 1.0


def test_only_what_the_model_answered_counts(db: Database, registry: FakeRegistry) -> None:
    add_errors(db, 1, 400, 9.0, AnswerSource.HEURISTIC)
    assert measure(db, registry, NOON) == []
