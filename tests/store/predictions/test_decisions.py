"""Decisions are kept with their predictions and found again, on both databases."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import PolicyKind, RedoAction
from core.domain.prediction import AnswerSource, Label
from core.errors import NotFound
from core.store.engine.database import Database
from core.store.predictions import decisions
from core.store.predictions.decisions import DecidedWork, LabelledScore, PickedCandidate
from core.store.predictions.predictions import append_predictions
from tests.fakes import AN_HOUR_BEFORE, keep_labels, make_prediction
from tests.store.conftest import NOON

REDO = LoggedDecision(
    id="d1",
    at=NOON,
    kind=PolicyKind.REDO,
    policy_id=7,
    group_id=None,
    unit_id="repo",
    attempt=2,
    action=RedoAction.ACCEPT,
    prediction_id="a",
    probability=0.05,
    explored=True,
    p_bad=0.4,
    threshold=62.0,
    n_candidates=1,
    key_id=3,
)
PICK = replace(
    REDO,
    id="d2",
    kind=PolicyKind.PICK,
    policy_id=None,
    group_id="q",
    attempt=1,
    action=None,
    prediction_id="b2",
    probability=0.975,
    explored=False,
    p_bad=None,
    threshold=None,
    n_candidates=2,
)
LONG_AGO = NOON - timedelta(days=99)


@pytest.fixture
def filled(db: Database) -> Database:
    """Work that was decided, two candidates of which the second was picked, and work that nobody
    decided; all but the first candidate with labels, one corrected."""
    with db.write() as conn:
        append_predictions(
            conn,
            [
                make_prediction("a", score=50.0),
                make_prediction("b1", score=60.0, decision_id="d2", candidate_id="1"),
                make_prediction("b2", score=90.0, decision_id="d2", candidate_id="2"),
                make_prediction("c", score=70.0),
            ],
        )
        decisions.append_decisions(conn, [REDO, PICK])
        given = [("a", 10.0), ("b2", 88.0), ("c", 71.0), ("a", 40.0)]
        keep_labels(conn, [Label(name, truth, NOON, "ann", NOON) for name, truth in given])
    return db


def test_a_decision_is_read_as_it_was_kept(filled: Database) -> None:
    with filled.read() as conn:
        assert decisions.get_decision(conn, "d1") == REDO
        assert decisions.load_decisions(conn, 9) == [PICK, REDO]
        assert decisions.load_decisions(conn, 9, PolicyKind.REDO) == [REDO]
        with pytest.raises(NotFound, match=r"no decision d9: it was never made, or .* removed"):
            decisions.get_decision(conn, "d9")


def test_candidates_are_found_by_their_decision_in_the_order_of_the_request(
    filled: Database,
) -> None:
    with filled.read() as conn:
        found = decisions.load_candidates(conn, "d2")
    assert [(one.id, one.candidate_id) for one in found] == [("b1", "1"), ("b2", "2")]


def test_the_decision_about_a_prediction_is_found_from_it(filled: Database) -> None:
    with filled.read() as conn:
        found = [
            decisions.find_decision_of(conn, make_prediction(name, decision_id=decision_id))
            for name, decision_id in (("a", None), ("b1", "d2"), ("c", None))
        ]
    assert found == [REDO, PICK, None]


def test_a_group_is_decided_once(filled: Database) -> None:
    with filled.read() as conn:
        assert decisions.find_decided_groups(conn, ["q", "r"]) == {"q": "d2"}
    with pytest.raises(sa.exc.IntegrityError), filled.write() as conn:
        decisions.append_decisions(conn, [replace(PICK, id="d3")])
    with filled.write() as conn:  # without a group there may be many
        decisions.append_decisions(
            conn, [replace(PICK, id=name, group_id=None) for name in ("d4", "d5")]
        )


def test_what_a_policy_is_calibrated_with_leaves_out_candidates(filled: Database) -> None:
    with filled.read() as conn:
        found = decisions.load_labelled_scores(conn, 3, 9)
        assert decisions.load_labelled_scores(conn, 4, 9) == []
    assert found == [
        LabelledScore(50.0, 40.0, 2, 0.05, 62.0, AN_HOUR_BEFORE),
        LabelledScore(70.0, 71.0, 1, 1.0, None, AN_HOUR_BEFORE),
    ]


def test_labels_of_work_that_was_to_be_redone_are_left_out(filled: Database) -> None:
    redone = replace(REDO, id="d6", action=RedoAction.REDO, prediction_id="c")
    with filled.write() as conn:
        decisions.append_decisions(conn, [redone])
        assert [one.score for one in decisions.load_labelled_scores(conn, 3, 9)] == [50.0]


@pytest.mark.parametrize(("since_at", "n"), [(LONG_AGO, 1), (NOON + timedelta(hours=1), 0)])
def test_what_is_rehearsed_has_scores_probabilities_and_the_label_that_counts(
    filled: Database, since_at: datetime, n: int
) -> None:
    with filled.read() as conn:
        work = decisions.load_decided_work(conn, since_at, 9)
        picks = decisions.load_picks(conn, since_at, 9)
    accepted = RedoAction.ACCEPT
    assert work == [DecidedWork(50.0, 2, accepted, 0.05, 62.0, 0.4, 40.0, "repo")][:n]
    assert picks == [PickedCandidate(90.0, (60.0, 90.0), 0.975, 88.0, "repo")][:n]


def test_what_no_model_has_scored_is_not_rehearsed(filled: Database) -> None:
    guessed = make_prediction("g", source=AnswerSource.HEURISTIC)
    failed = make_prediction("f", source=AnswerSource.FAILED, score=None, decision_id="d8")
    best = make_prediction("h", decision_id="d8")
    with filled.write() as conn:
        append_predictions(conn, [guessed, failed, best])
        decisions.append_decisions(
            conn,
            [
                replace(REDO, id="d7", prediction_id="g"),
                replace(PICK, id="d8", group_id=None, prediction_id="h"),
            ],
        )
        assert len(decisions.load_decided_work(conn, LONG_AGO, 9)) == 1
        assert len(decisions.load_picks(conn, LONG_AGO, 9)) == 1
