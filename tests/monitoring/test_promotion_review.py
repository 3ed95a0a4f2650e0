"""Fourteen days after a promotion it is said whether the promise was kept."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from core.domain.deployment import Action, Deployment, Plan
from core.domain.prediction import Label
from core.monitoring.health.degradation import ErrorGrowth, LiveError
from core.monitoring.measure.rollup_updates import measure
from core.monitoring.promotion_review import (
    Promotion,
    describe_lookback,
    list_promotions,
    load_lookbacks,
)
from core.settings import Scale
from core.stats.intervals import Interval
from core.store.engine.database import Database
from core.store.models import deployments
from core.store.predictions import predictions
from tests.fakes import FakeRegistry, add_version, keep_labels, make_prediction, make_report

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAYS = timedelta(days=1)


def row(revision: int, champion: int, day: float) -> Deployment:
    return Deployment(
        revision, START + day * DAYS, "ana", Action.DEPLOY, "why", Plan(champion), False, {}
    )


def test_a_promotion_lasts_until_another_or_14_days() -> None:
    history = [row(1, 1, 0), row(2, 1, 1), row(3, 2, 5), row(4, 0, 40), row(5, 1, 50)]
    found = list_promotions(history)
    assert [(p.version, (p.at - START) / DAYS, (p.until - START) / DAYS) for p in found] == [
        (1, 0, 5),
        (2, 5, 19),
        (1, 50, 64),
    ]
    assert list_promotions([]) == []


def serve(db: Database, error: float) -> None:
    """v1 is promoted, with a promise of 4 points, and errs by about `error` for 20 days."""
    add_version(db, FakeRegistry())
    with db.write() as conn:
        deployments.append_deployment(
            conn,
            action=Action.DEPLOY,
            plan=Plan(1),
            reason="test",
            by="ana",
            override=False,
            evidence={},
            now=START,
        )
        times = [START + i * DAYS / 5 + timedelta(minutes=1) for i in range(100)]
        asked = [make_prediction(f"p{i}", at=times[i], version=1, score=50.0) for i in range(100)]
        predictions.append_predictions(conn, asked)
        actuals = [50.0 + error * (0.5 + i % 3 / 2) for i in range(100)]
        keep_labels(
            conn, (Label(f"p{i}", actuals[i], times[i], "ana", times[i]) for i in range(100))
        )
    measure(db, START + 21 * DAYS, scale=Scale(0, 100), tolerance=5.0)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [(4.0, "Kept, as far"), (8.0, "Broken: MAE 7.94"), (1.0, "Better than promised: MAE 0.99")],
)
def test_promised_stands_against_delivered(db: Database, error: float, verdict: str) -> None:
    serve(db, error)
    (found,) = load_lookbacks(db, START + 21 * DAYS)
    assert found.verdict.startswith(verdict)
    assert found.delivered is not None
    assert found.delivered.n_labelled == 70  # the 14 days alone
    assert "promised 4.00" in found.verdict


@pytest.mark.parametrize(
    ("shown", "surely", "verdict"),
    [
        (Interval(7.0, -math.inf, math.inf), 4.1, "Broken on these rows, all of one day"),
        (Interval(1.4, -math.inf, math.inf), 0.9, "Larger than promised, perhaps by chance"),
        (Interval(1.4, 0.8, 2.4), 1.1, "Larger than promised, perhaps by chance"),
        (Interval(1.05, -math.inf, math.inf), 0.7, "Kept, as far as can be told"),
    ],
)
def test_a_larger_error_is_never_called_kept(shown: Interval, surely: float, verdict: str) -> None:
    promised = make_report().metrics
    growth = ErrorGrowth(shown, surely, surely)
    delivered = LiveError(1, promised, 30, DAYS, 4 * shown.value, growth)
    promotion = Promotion(1, START, START + 14 * DAYS)
    assert describe_lookback(promotion, delivered, START + DAYS).startswith(f"{verdict}: MAE")


def test_before_the_14_days_are_over_it_says_so_far(db: Database) -> None:
    serve(db, 4.0)
    (early,) = load_lookbacks(db, START + timedelta(minutes=2))
    assert early.verdict == (
        "Not known: too few labels came while v1 served. So far: v1 is looked back on for 14 days."
    )
    (half,) = load_lookbacks(db, START + 7 * DAYS)
    assert half.verdict.endswith("So far: v1 is looked back on for 14 days.")
