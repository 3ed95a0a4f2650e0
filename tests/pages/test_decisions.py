"""The page Decisions: what the policies in force do, another threshold, and each way to change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.decisions.policies import load_overview, set_policy
from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import PolicyKind, PolicyTerms, RedoAction, RedoCosts
from core.domain.prediction import Label
from core.settings import Scale
from core.store.predictions import decisions, predictions
from tests.fakes import keep_labels, make_prediction
from tests.people import person

OpenPage = Callable[[str], AppTest]
Read = Callable[[AppTest], str]
REDO = PolicyTerms(PolicyKind.REDO, 0.1, 60.0, RedoCosts(1.0, 10.0, 0.1), 62.0)


def decide(app: App, n: int, *, let_through: float) -> None:
    """Work of five days that p1 has decided: a score under 62 is bad, and for a share of it chance
    says so."""
    with app.db.write() as conn:
        for i in range(n):
            at = app.now() - timedelta(days=1 + i % 5)
            score = float(40 + i % 50)
            made = make_prediction(f"d{i}", at=at, version=1, score=score)
            explored = score < 62.0 and i % 10 < 10 * let_through
            action = RedoAction.REDO if score < 62.0 and not explored else RedoAction.ACCEPT
            predictions.append_predictions(conn, [made])
            decision = LoggedDecision(
                id=f"decision{i}",
                at=at,
                kind=PolicyKind.REDO,
                policy_id=1,
                group_id=None,
                unit_id=None,
                attempt=1,
                action=action,
                prediction_id=made.id,
                probability=0.1 if explored else 0.9 if score < 62.0 else 1.0,
                explored=explored,
                p_bad=None,
                threshold=62.0,
                n_candidates=1,
            )
            decisions.append_decisions(conn, [decision])
            if action is RedoAction.ACCEPT:
                keep_labels(conn, [Label(made.id, 20.0 if explored else 80.0, at, "ada", at)])


@pytest.fixture
def ruled(full: App) -> App:
    """A store with a redo policy in force."""
    set_policy(
        full.db,
        REDO,
        scale=Scale(0, 100),
        expected=None,
        by=person("grace"),
        reason="bad work was shown",
        now=full.now(),
    )
    return full


def give_reason(page: AppTest, key: str, reason: str) -> AppTest:
    page.text_input(key=f"{key}_reason").set_value(reason)
    return page.button(key=f"{key}_confirm").click().run()


def test_without_a_policy_the_page_says_that_nothing_is_redone(
    app: App, open_page: OpenPage, read: Read
) -> None:
    said = read(open_page("decisions"))
    assert "**Nothing is redone:** no redo policy is in force." in said
    assert "Ranked requests get their best score, always" in said
    assert "No decision yet" in said


def test_the_first_sentences_say_what_redoing_does_and_saves(
    ruled: App, open_page: OpenPage, read: Read
) -> None:
    decide(ruled, 400, let_through=0.1)
    said = read(open_page("decisions"))
    assert "p1 redoes work that scores under 62: 38.0 % of 400 decisions in the last 7 days" in said
    assert "chance let 24 more through" in said
    assert "It saves" in said
    assert "95 % confidence interval by requests" in said
    assert "Rehearsed on the newest 400 decisions of the last 30 days" in said


def test_where_nothing_was_let_through_the_saving_is_unknown(
    ruled: App, open_page: OpenPage, read: Read
) -> None:
    set_policy(
        ruled.db,
        replace(REDO, threshold=5.0),
        scale=Scale(0, 100),
        expected=load_overview(ruled.db).find_expected(PolicyKind.REDO),
        by=person("grace"),
        reason="only the worst",
        now=ruled.now(),
    )
    decide(ruled, 400, let_through=0.0)
    said = read(open_page("decisions"))
    assert "What that saves is unknown: nothing under 62 that was let through has a" in said
    assert "It saves" not in said
    assert "What would be shown is unknown: nothing under 62 that was let through has a" in said


def test_another_threshold_is_put_in_force_with_a_reason(ruled: App, open_page: OpenPage) -> None:
    decide(ruled, 400, let_through=0.1)
    page = open_page("decisions")
    page.slider(key="redo_threshold").set_value(55.0).run()
    give_reason(page, "redo_policy", "too many redos")
    assert not page.exception
    assert page.success[0].value == "p2 is in force: work under 55 is redone."
    made = load_overview(ruled.db).find_policy(PolicyKind.REDO)
    assert made is not None
    assert (made.terms.threshold, made.by, made.reason) == (55.0, "ada", "too many redos")
    assert made.terms.costs == REDO.costs


def test_nothing_is_put_in_force_without_a_reason(ruled: App, open_page: OpenPage) -> None:
    page = give_reason(open_page("decisions"), "redo_policy", " ")
    assert page.error[0].value == "Nothing was done: give a reason."
    assert len(load_overview(ruled.db).policies) == 1


def test_what_changed_since_the_page_was_read_is_a_conflict(
    ruled: App, open_page: OpenPage
) -> None:
    page = open_page("decisions")
    overview = load_overview(ruled.db)
    set_policy(
        ruled.db,
        replace(REDO, threshold=70.0),
        scale=Scale(0, 100),
        expected=overview.find_expected(PolicyKind.REDO),
        by=person("grace"),
        reason="stricter",
        now=ruled.now(),
    )
    give_reason(page, "redo_policy", "late")
    assert "grace put p2 in force" in page.error[0].value
    assert len(load_overview(ruled.db).policies) == 2


def test_a_pick_policy_is_set_and_rolled_back(full: App, open_page: OpenPage) -> None:
    page = open_page("decisions")
    give_reason(page, "pick_policy", "to learn")
    assert "p1 is in force" in page.success[0].value
    page.slider(key="pick_exploration").set_value(10.0).run()
    give_reason(page, "pick_policy", "to learn more")
    assert load_overview(full.db).find_expected(PolicyKind.PICK) == 2
    give_reason(page, "rollback_pick", "too much")
    assert page.success[0].value == "p1 decides again from the next request on."


def test_with_few_labels_the_page_says_how_many_are_needed(
    app: App, open_page: OpenPage, read: Read
) -> None:
    assert "What serves has no labels: 30 are needed" in read(open_page("decisions"))
