"""Policies are set from labels, one at a time is in force, and its history is only appended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from core.decisions.policies import (
    complete_terms,
    load_overview,
    put_in_force,
    roll_back_policy,
    set_policy,
)
from core.domain.decisions.policy import (
    DecisionPolicy,
    PolicyAction,
    PolicyKind,
    PolicyTerms,
    RedoAction,
    RedoCosts,
)
from core.errors import Conflict, InvalidInput, NotFound, OpsError
from core.settings import Scale
from core.store.engine.database import Database
from core.store.models import policies
from core.store.predictions.decisions import LabelledScore
from tests.conftest import NOON
from tests.people import person

PICK = PolicyTerms(PolicyKind.PICK)
REDO = PolicyTerms(PolicyKind.REDO, bar=60.0, costs=RedoCosts(1.0, 10.0))
HUNDRED = Scale(0.0, 100.0)
ADA = person("ada")
Clock = Callable[[], datetime]


def put(
    db: Database, now: Clock, terms: PolicyTerms = PICK, expected: int | None = None
) -> DecisionPolicy:
    return set_policy(
        db, terms, scale=HUNDRED, expected=expected, by=ADA, reason=" why ", now=now()
    )


def find_in_force(db: Database) -> dict[PolicyKind, int]:
    with db.read() as conn:
        return {kind: policy.id for kind, policy in policies.load_in_force(conn).items()}


def make_rows(n: int, bad_below: int) -> list[LabelledScore]:
    return [
        LabelledScore(float(i), 20.0 if i < bad_below else 80.0, 1, 1.0, None, NOON)
        for i in range(n)
    ]


def test_a_policy_is_kept_as_it_was_set_and_is_in_force(db: Database, now: Clock) -> None:
    terms = replace(REDO, threshold=62.0, on_heuristic=RedoAction.REDO, exploration=0.1)
    made = put(db, now, terms)
    assert (made.name, made.by, made.reason, made.terms) == ("p1", "ada", "why", terms)
    with db.read() as conn:
        assert policies.load_in_force(conn) == {PolicyKind.REDO: made}


def test_each_kind_has_a_policy_in_force_of_its_own(db: Database, now: Clock) -> None:
    put(db, now)
    put(db, now, replace(REDO, threshold=62.0))
    assert find_in_force(db) == {PolicyKind.PICK: 1, PolicyKind.REDO: 2}


def test_of_two_put_in_force_at_once_one_wins_and_the_other_is_told(
    db: Database, now: Clock
) -> None:
    def attempt(share: float) -> str:
        try:
            return put(db, now, replace(PICK, exploration=share)).name
        except Conflict as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(attempt, (0.1, 0.2)))
    assert outcomes[1] == "p1"
    assert outcomes[0].startswith("ada put p1 in force at 2026-03-02 12:00 UTC (why); nothing")
    assert find_in_force(db) == {PolicyKind.PICK: 1}
    with db.read() as conn:
        assert len(policies.load_policies(conn)) == 1


def test_a_rollback_puts_the_one_before_in_force_and_the_next_one_goes_further_back(
    db: Database, now: Clock
) -> None:
    for expected in (None, 1, 2):
        put(db, now, expected=expected)
    for policy_id in (2, 1):
        change = roll_back_policy(db, PolicyKind.PICK, by=ADA, reason="worse", now=now())
        assert (change.policy_id, change.action) == (policy_id, PolicyAction.ROLLED_BACK)
    with pytest.raises(Conflict, match="No other pick policy"):
        roll_back_policy(db, PolicyKind.PICK, by=ADA, reason="worse", now=now())
    with db.read() as conn:
        assert [row.policy_id for row in policies.load_changes(conn, PolicyKind.PICK)] == [
            1,
            2,
            3,
            2,
            1,
        ]


def test_an_earlier_policy_is_put_in_force_by_its_number(db: Database, now: Clock) -> None:
    for expected in (None, 1):
        put(db, now, expected=expected)
    again = {"by": ADA, "reason": "it was better", "now": now()}
    with pytest.raises(NotFound, match="no policy p9"):
        put_in_force(db, 9, expected=2, **again)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="p2 in force"):
        put_in_force(db, 1, expected=1, **again)  # type: ignore[arg-type]
    put_in_force(db, 1, expected=2, **again)  # type: ignore[arg-type]
    assert find_in_force(db) == {PolicyKind.PICK: 1}
    assert load_overview(db).find_expected(PolicyKind.PICK) == 3


def test_without_a_reason_nothing_changes(db: Database, now: Clock) -> None:
    with pytest.raises(InvalidInput, match="needs a reason"):
        set_policy(db, PICK, scale=HUNDRED, expected=None, by=ADA, reason=" ", now=now())
    assert load_overview(db).policies == ()


@pytest.mark.parametrize("more", [{}, {"promise": 0.02}])
def test_a_threshold_that_labels_have_to_find_needs_them(
    db: Database, now: Clock, more: dict[str, float]
) -> None:
    with pytest.raises(OpsError, match=r"^0 labelled .* (30|149) are needed"):
        put(db, now, replace(REDO, **more))  # type: ignore[arg-type]
    assert load_overview(db).policies == ()


def test_labels_complete_a_rule_with_threshold_probability_and_figures() -> None:
    complete, figures = complete_terms(REDO, make_rows(100, 20), 7, 100.0)
    assert complete.threshold == 19.5
    assert complete.costs == RedoCosts(1.0, 10.0, 0.2)  # a redo is as good as all work
    assert complete.calibration is not None
    assert (complete.calibration.version, complete.calibration.find_p_bad(3.0)) == (7, 1.0)
    assert (figures["redo_share"], figures["n_labels"]) == (0.2, 100)
    assert (figures["cost"], figures["cost_never"]) == (pytest.approx(0.6), pytest.approx(2.0))


def test_what_a_redo_brings_is_what_redone_work_brought_where_that_is_known() -> None:
    redone = [replace(row, attempt=2) for row in make_rows(40, 4)]
    complete, _ = complete_terms(REDO, [*make_rows(100, 20), *redone], 1, 100.0)
    assert complete.costs == RedoCosts(1.0, 10.0, 0.1)


def test_a_promise_is_not_searched_where_only_explored_work_has_labels() -> None:
    rows = [replace(row, threshold=50.0) for row in make_rows(400, 0) if row.score >= 50.0]
    explored = [replace(row, threshold=50.0, probability=0.1) for row in make_rows(50, 0)[::10]]
    complete, figures = complete_terms(replace(REDO, promise=0.02), [*rows, *explored], 1, 1_000.0)
    assert complete.threshold == 50.0
    assert figures["redo_share"] == pytest.approx(50 / 400)  # five stand for fifty


def test_a_given_threshold_needs_no_label() -> None:
    complete, figures = complete_terms(replace(REDO, threshold=62.0), [], 1, 100.0)
    assert (complete.threshold, complete.calibration, figures) == (62.0, None, {})
