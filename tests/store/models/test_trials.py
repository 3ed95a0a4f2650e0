"""What the store says of a trial: pairs, splits and conduct, each counted once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from core.domain.deployment import Action, Plan
from core.domain.prediction import AnswerSource, Label, Prediction, Variant
from core.domain.trial import (
    Conduct,
    FrozenVerdict,
    Pair,
    RampStep,
    ShadowOutcome,
    ShadowScore,
    TrafficSplit,
    Trial,
    TrialSettings,
    TrialVerdict,
)
from core.store.engine.database import Connection, Database
from core.store.models import deployments, trials
from core.store.predictions import predictions
from tests.fakes import keep_labels, make_prediction

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TRIAL = Trial(
    2,
    "shorter",
    1,
    2,
    NOON,
    "ada",
    "to see",
    TrialSettings(),
    (RampStep(2, NOON, 0.1), RampStep(3, NOON + timedelta(hours=6), 0.2)),
)


def answer(prediction_id: str, **changes: object) -> Prediction:
    """The champion's, in the trial's first step, unless changed."""
    values = {"version": 1, "revision": 2, "at": NOON, **changes}
    if values["version"] == 2:
        values["variant"] = Variant.CHALLENGER
    return make_prediction(prediction_id, **values)


def shadow(
    prediction_id: str,
    version: int = 2,
    score: float | None = 60.0,
    outcome: ShadowOutcome = ShadowOutcome.SCORED,
) -> ShadowScore:
    return ShadowScore(prediction_id, version, outcome, score, 1.5, None if score else "why")


def keep(db: Database, *rows: Prediction | ShadowScore | Label) -> None:
    with db.write() as conn:
        predictions.append_predictions(conn, [r for r in rows if isinstance(r, Prediction)])
        trials.append_shadow_scores(conn, [r for r in rows if isinstance(r, ShadowScore)])
        keep_labels(conn, [r for r in rows if isinstance(r, Label)])


def load_conduct(conn: Connection) -> Conduct:
    counts = trials.count_requests(conn, TRIAL, 0), trials.count_labels(conn, TRIAL)
    return trials.load_conduct(conn, TRIAL, *counts)


def label(prediction_id: str, actual: float, hours: float = 1) -> Label:
    at = NOON + timedelta(hours=hours)
    return Label(prediction_id, actual, at, "ada", at)


def test_a_shadow_score_is_found_by_its_prediction(db: Database) -> None:
    keep(db, shadow("a"), shadow("b", score=None, outcome=ShadowOutcome.LATE))
    with db.read() as conn:
        assert trials.find_shadow_score(conn, "a") == shadow("a")
        assert trials.find_shadow_score(conn, "b") == shadow("b", 2, None, ShadowOutcome.LATE)
        assert trials.find_shadow_score(conn, "c") is None


def test_a_pair_knows_whose_score_is_whose(db: Database) -> None:
    keep(db, answer("a", score=50.0, unit_id="u"), shadow("a", 2, 60.0), label("a", 55.0))
    keep(db, answer("b", version=2, score=70.0), shadow("b", 1, 80.0), label("b", 75.0, 2))
    words = (("language", "python"),)
    with db.read() as conn:
        assert trials.load_pairs(conn, TRIAL) == [
            Pair(NOON + timedelta(hours=1), "u", 50.0, 60.0, 55.0, words),
            Pair(NOON + timedelta(hours=2), None, 80.0, 70.0, 75.0, words),
        ]


def test_a_corrected_label_keeps_its_place_and_counts_with_its_last_value(db: Database) -> None:
    keep(db, answer("a"), shadow("a"), label("a", 55.0), label("a", 0.0, 9))
    with db.read() as conn:
        [pair] = trials.load_pairs(conn, TRIAL)
    assert (pair.labelled_at, pair.actual) == (NOON + timedelta(hours=1), 0.0)


@pytest.mark.parametrize(
    "rows",
    [
        (answer("a"), shadow("a")),
        (answer("a"), label("a", 55.0)),
        (answer("a"), shadow("a", 2, None, ShadowOutcome.DROPPED), label("a", 55.0)),
        (answer("a", source=AnswerSource.HEURISTIC), shadow("a"), label("a", 55.0)),
        (answer("a", revision=1), shadow("a"), label("a", 55.0)),
        (answer("a", version=9), shadow("a"), label("a", 55.0)),
    ],
    ids=["no label", "no shadow", "dropped", "heuristic", "before the trial", "another version"],
)
def test_what_lacks_a_side_is_no_pair(
    db: Database, rows: tuple[Prediction | ShadowScore | Label, ...]
) -> None:
    keep(db, *rows)
    with db.read() as conn:
        assert trials.load_pairs(conn, TRIAL) == []


def test_a_unit_counts_once_where_it_first_came(db: Database) -> None:
    keep(
        db,
        answer("a", unit_id="u"),
        answer("b", unit_id="u"),
        answer("c", unit_id="u", revision=3, version=2),
        answer("d", unit_id="w", revision=3, version=2),
        answer("e", revision=3),
        answer("f", revision=3),
        label("a", 1.0),
        label("f", 1.0),
    )
    with db.read() as conn:
        everything = trials.build_splits(TRIAL, trials.count_requests(conn, TRIAL, 0))
        labelled = trials.build_splits(TRIAL, trials.count_labels(conn, TRIAL).splits)
    assert everything == [TrafficSplit(0.1, 1, 0), TrafficSplit(0.2, 2, 1)]
    assert labelled == [TrafficSplit(0.1, 1, 0), TrafficSplit(0.2, 1, 0)]


def test_conduct_is_that_of_the_challenger_in_the_step_in_force(db: Database) -> None:
    keep(
        db,
        answer("0", version=2, latency_ms=900.0),  # the step before
        answer("1", revision=3, score=50.0),
        shadow("1", 2, 60.0),
        answer("2", revision=3, score=51.0),
        shadow("2", 2, 60.0),
        answer("3", revision=3),
        shadow("3", 2, None, ShadowOutcome.FAILED),
        answer("4", revision=3, version=2, latency_ms=900.0, score=60.0),
        shadow("4", 1, 52.0),
        answer("5", revision=3, version=2, source=AnswerSource.HEURISTIC),
        shadow("5", 1, None, ShadowOutcome.DROPPED),
        answer("6", revision=3, version=2, source=AnswerSource.FAILED, score=None),
        shadow("6", 1, None, ShadowOutcome.LATE),
        label("1", 55.0),
        label("1", 56.0),
        label("3", 55.0),
    )
    with db.read() as conn:
        conduct = load_conduct(conn)
    assert (conduct.n_requests, conduct.n_failed, conduct.n_fallback, conduct.n_slow) == (
        3,
        1,
        1,
        1,
    )
    assert (conduct.n_scores, conduct.n_distinct, conduct.n_champion_distinct) == (3, 1, 3)
    assert conduct.n_labels == 1
    assert conduct.n_shadow == 6
    assert (conduct.n_shadow_failed, conduct.n_shadow_late, conduct.n_shadow_dropped) == (1, 1, 1)
    assert (conduct.n_challenger_shadow, conduct.n_challenger_shadow_failed) == (3, 1)


def test_without_a_request_all_is_zero(db: Database) -> None:
    with db.read() as conn:
        conduct = load_conduct(conn)
        assert trials.build_splits(TRIAL, trials.count_requests(conn, TRIAL, 0)) == [
            TrafficSplit(0.1, 0, 0),
            TrafficSplit(0.2, 0, 0),
        ]
    assert conduct.n_requests == conduct.n_scores == conduct.n_shadow == 0


def test_the_first_verdict_stays(db: Database) -> None:
    first = FrozenVerdict(1, NOON, TrialVerdict.BETTER, 60, 1.0, 0.5, 1.5)
    with db.write() as conn:
        deployments.append_deployment(
            conn,
            action=Action.START_TRIAL,
            plan=Plan(1, 2, 0.1, "shorter", "salt"),
            reason="to see",
            by="ada",
            override=False,
            evidence={},
            now=NOON,
        )
        assert trials.find_verdict(conn, 1) is None
        assert trials.append_verdict(conn, first)
        assert not trials.append_verdict(
            conn, FrozenVerdict(1, NOON, TrialVerdict.WORSE, 90, -1.0, -1.5, -0.5)
        )
        assert trials.find_verdict(conn, 1) == first


def test_a_prediction_has_one_score_beside_it(db: Database) -> None:
    keep(db, shadow("a"))
    with pytest.raises(sa.exc.IntegrityError):
        keep(db, shadow("a"))


def test_ratings_are_those_of_the_version_that_answered(db: Database) -> None:
    def rate(prediction_id: str, rating: float | None) -> Label:
        return replace(label(prediction_id, 50.0), rating=rating)

    keep(db, answer("a"), answer("b"), answer("c", version=2), answer("d"))
    keep(db, rate("a", 1.0), rate("b", 0.0), rate("b", 0.5), rate("c", 0.2), rate("d", None))
    with db.read() as conn:
        conduct = load_conduct(conn)
    champion, challenger = conduct.champion_ratings, conduct.challenger_ratings
    assert (champion.n, champion.mean) == (2, 0.75)
    assert champion.deviation == pytest.approx(0.25 * 2**0.5)
    assert (challenger.n, challenger.mean, challenger.deviation) == (1, 0.2, 0.0)
