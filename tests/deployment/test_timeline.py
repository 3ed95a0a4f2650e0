"""The time machine: what happened in a window, and everything that made one prediction."""

from datetime import datetime, timedelta

import pytest

from core.deployment.lineage import describe_story, load_story, load_timeline
from core.deployment.release import deploy
from core.deployment.timeline import Lane, TimelineSpan
from core.deployment.trials import TrialStart, promote, start_trial
from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import PolicyKind, RedoAction
from core.domain.deployment import RetrainingDecision
from core.domain.installation import Scope
from core.domain.monitoring import Health, HealthReport, Reason
from core.domain.prediction import AnswerSource, Label, Variant
from core.domain.trial import ShadowOutcome, ShadowScore, TrialSettings
from core.errors import NotFound
from core.serving.keys import create_key
from core.store.data import samples
from core.store.engine.database import Database
from core.store.models import deployments, trials
from core.store.predictions import predictions
from core.store.predictions.decisions import append_decisions
from tests.alerts.seeing import see
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version, keep_labels, make_prediction
from tests.people import person


def hours(n: float) -> datetime:
    return NOON + timedelta(hours=n)


@pytest.fixture
def lived(db: Database) -> Database:
    """v1 at noon, v2 on trial at 2, promoted at 4; an incident, a decision, rows."""
    registry = FakeRegistry()
    for _ in range(2):
        add_version(db, registry)
    who = {"reason": "because", "by": person("ada")}
    deploy(db, registry, 1, override=False, now=NOON, **who)  # type: ignore[arg-type]
    start_trial(
        db,
        registry,  # type: ignore[arg-type]
        TrialStart(2, name="shorter", traffic=0.2, settings=TrialSettings(), salt="salt"),
        override=False,
        now=hours(2),
        **who,  # type: ignore[arg-type]
    )
    promote(db, registry, "shorter", override=True, now=hours(4), **who)  # type: ignore[arg-type]
    slow = Reason("latency", Health.WARNING, "p95 latency is 143 ms.", "Look.")
    see(db, HealthReport(Health.WARNING, (slow,), hours(1)), hours(1))
    with db.write() as conn:
        decision = RetrainingDecision(hours(3), True, ("It is old.",), ("age",), None, "plumbline")
        deployments.append_decision(conn, decision)
        collection = samples.start_collection(conn, "file:x.csv", {}, "ada", hours(1))
        samples.finish_collection(
            conn,
            collection,
            n_received=0,
            n_new=0,
            n_duplicate=0,
            rejected=[],
            n_rejected=0,
            now=hours(1),
        )
    return db


def test_versions_trials_and_incidents_are_spans_cut_at_the_window(lived: Database) -> None:
    found = load_timeline(lived, hours(1), hours(6))
    spans = [(span.lane, span.name, span.from_at, span.to_at) for span in found.spans]
    assert spans == [
        (Lane.SERVES, "v1", hours(1), hours(4)),
        (Lane.SERVES, "v2", hours(4), hours(6)),
        (Lane.TRIAL, "v2", hours(2), hours(4)),
        (Lane.INCIDENTS, "latency, warning", hours(1), hours(6)),
    ]
    assert isinstance(found.spans[0], TimelineSpan)
    assert found.spans[0].detail == "ada deployed v1 (revision 1): because"


def test_releases_and_decisions_are_moments_in_the_order_of_time(lived: Database) -> None:
    found = load_timeline(lived, hours(1), hours(6))
    assert [(moment.lane, moment.name) for moment in found.moments] == [
        (Lane.RELEASES, "put v2 on trial"),
        (Lane.TRAININGS, "training due"),
        (Lane.RELEASES, "promoted v2"),
    ]
    whole = load_timeline(lived, hours(-2), hours(6))
    assert {moment.name for moment in whole.moments[:2]} == {"v1 trained", "v2 trained"}


def test_what_ended_before_the_window_is_not_in_it(lived: Database) -> None:
    found = load_timeline(lived, hours(5), hours(6))
    assert [span.name for span in found.spans] == ["v2", "latency, warning"]
    assert found.moments == ()


def test_nothing_happened_in_an_empty_store(db: Database) -> None:
    found = load_timeline(db, NOON, hours(1))
    assert (found.spans, found.moments) == ((), ())


def test_a_prediction_is_told_with_everything_that_made_it(lived: Database) -> None:
    kept = make_prediction(
        "abc", version=2, variant=Variant.CHALLENGER, revision=2, unit_id="repo", at=hours(3)
    )
    with lived.write() as conn:
        predictions.append_predictions(conn, [kept])
        trials.append_shadow_scores(
            conn, [ShadowScore("abc", 1, ShadowOutcome.SCORED, 70.0, 1.0, None)]
        )
        keep_labels(conn, [Label("abc", 75.0, hours(5), "bob", hours(5))])
    said = describe_story(load_story(lived, " abc "))
    assert said["answer"] == "71.50 (66.0 to 77.0)"
    assert said["answered by"] == "model, as the challenger"
    assert (said["version"], said["artifact"]) == ("v2", "hash-2")
    assert said["snapshot"] == "100 rows, rows"
    assert (said["deployed by"], said["reason"], said["action"]) == (
        "ada",
        "because",
        "start_trial",
    )
    assert said["trial"] == "'shorter': v2 beside v1, 20 % of the answers"
    assert said["score of v1 beside it"] == "70.00"
    assert said["label"].startswith("75, given by bob, received")
    assert said["error"] == "3.50 points"
    assert "asked by" not in said


def test_a_prediction_and_its_label_are_told_with_the_keys_that_sent_them(db: Database) -> None:
    keys = [
        create_key(db, name, frozenset(Scope), by=person("ada"), now=NOON)[0]
        for name in ("app", "raters")
    ]
    kept = make_prediction("abc", version=0, revision=0, key_id=keys[0].id)
    label = Label("abc", 75.0, NOON, "ana", NOON, key_id=keys[1].id)
    with db.write() as conn:
        predictions.append_predictions(conn, [kept])
        keep_labels(conn, [label])
    story = load_story(db, "abc")
    said = describe_story(story)
    assert said["asked by"] == "key 'app' (key 1)"
    assert said["label"].startswith("75, given by ana, with key 'raters' (key 2), received")
    assert story.keys == {1: "app", 2: "raters"}


def test_a_prediction_of_the_heuristic_says_why_no_model_answered(db: Database) -> None:
    kept = make_prediction(
        "abc", version=0, revision=0, source=AnswerSource.HEURISTIC, reason="No version is deployed"
    )
    with db.write() as conn:
        predictions.append_predictions(conn, [kept])
    said = describe_story(load_story(db, "abc"))
    assert (said["version"], said["why no model"]) == ("heuristic", "No version is deployed")
    assert said["deployed"] == "nothing was deployed yet"
    assert said["label"] == "none yet"


def test_a_prediction_that_does_not_exist_is_not_found(db: Database) -> None:
    with pytest.raises(NotFound, match="no prediction abc"):
        load_story(db, "abc")


@pytest.mark.parametrize(
    ("picked", "said"),
    [("abc", "picked of 3 candidates by p2"), ("other", "not picked of 3 candidates by p2")],
)
def test_the_provenance_of_a_candidate_says_what_was_decided(
    db: Database, picked: str, said: str
) -> None:
    decision = LoggedDecision(
        id="d1",
        at=NOON,
        kind=PolicyKind.PICK,
        policy_id=2,
        group_id=None,
        unit_id=None,
        attempt=1,
        action=None,
        prediction_id=picked,
        probability=0.025,
        explored=True,
        p_bad=None,
        threshold=None,
        n_candidates=3,
    )
    with db.write() as conn:
        predictions.append_predictions(
            conn, [make_prediction("abc", version=0, revision=0, decision_id="d1")]
        )
        append_decisions(conn, [decision])
    told = describe_story(load_story(db, "abc"))["decision"]
    assert told == f"{said}, with probability 0.025, by chance (decision d1)"


def test_the_provenance_of_work_that_was_decided_later_says_so(db: Database) -> None:
    decision = LoggedDecision(
        id="d1",
        at=NOON,
        kind=PolicyKind.REDO,
        policy_id=1,
        group_id=None,
        unit_id=None,
        attempt=2,
        action=RedoAction.REDO,
        prediction_id="abc",
        probability=0.95,
        explored=False,
        p_bad=0.4,
        threshold=62.0,
        n_candidates=1,
    )
    with db.write() as conn:
        predictions.append_predictions(conn, [make_prediction("abc", version=0, revision=0)])
        append_decisions(conn, [decision])
    told = describe_story(load_story(db, "abc"))["decision"]
    assert told == "redo in attempt 2 by p1, with probability 0.95 (decision d1)"
