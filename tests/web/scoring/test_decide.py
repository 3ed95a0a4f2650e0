"""Requests are decided by the policy in force, on disk before the answer, each with the probability
that it had; what cannot be decided says why and loses nothing."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from core.decisions.policies import set_policy
from core.domain.dataset import IdKind
from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import PolicyKind, PolicyTerms, RedoAction, RedoCosts
from core.domain.prediction import Prediction
from core.settings import Scale
from core.store.data import erasures
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.predictions import decisions, labels, removals
from core.web.router import Api
from tests.api_in_process import make_api, post, run_lifespan
from tests.conftest import NOON
from tests.people import person

Clock = Callable[[], datetime]
Body = dict[str, Any]
HUNDRED = Scale(0.0, 100.0)
PICK = PolicyTerms(PolicyKind.PICK, exploration=0.0)
REDO = PolicyTerms(PolicyKind.REDO, 0.0, 60.0, RedoCosts(1.0, 10.0), 65.0)


def row(quality: float, **more: Any) -> Body:
    return {"features": {"codeQuality": quality, "testCoverage": quality}, **more}


def rank(*qualities: float, **more: Any) -> Body:
    return {"candidates": [row(one) for one in qualities], **more}


@pytest.fixture
def api(db: Database, now: Clock) -> Api:
    return make_api(db, now)


def put(db: Database, terms: PolicyTerms) -> None:
    """Put the first policy of a kind in force."""
    by = person("ada")
    set_policy(db, terms, scale=HUNDRED, expected=None, by=by, reason="tests", now=NOON)


def ask(api: Api, *requests: tuple[str, Body]) -> list[tuple[int, Body]]:
    """Send requests one after another; the status and body of each answer."""

    async def run() -> list[tuple[int, Body]]:
        async with run_lifespan(api):
            replies = [await post(api, path, json.dumps(body).encode()) for path, body in requests]
        return [(reply.status, json.loads(reply.content)) for reply in replies]

    return asyncio.run(run())


def load(db: Database) -> list[LoggedDecision]:
    with db.read() as conn:
        return decisions.load_decisions(conn, 10_000)[::-1]


def load_candidates(db: Database, decision_id: str) -> list[Prediction]:
    with db.read() as conn:
        return decisions.load_candidates(conn, decision_id)


def count(db: Database, table: sa.Table) -> int:
    with db.read() as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


# --- Picks ----------------------------------------------------------------------------------


def test_the_best_score_is_picked_and_all_of_it_is_in_the_store(api: Api, db: Database) -> None:
    body = rank(60, 90, 70, unit_id="repo 1")
    body["candidates"][1]["id"] = "good"
    [(status, answer)] = ask(api, ("/v1/rank", body))
    assert status == 200
    assert (answer["picked"], answer["probability"], answer["explored"]) == ("good", 1.0, False)
    assert (answer["policy"], "reason" in answer) == (None, False)
    assert [(one["id"], one["score"], one["rank"]) for one in answer["candidates"]] == [
        ("1", 60.0, 3),
        ("good", 90.0, 1),
        ("3", 70.0, 2),
    ]
    [decision] = load(db)
    assert (decision.id, decision.n_candidates, decision.unit_id) == (
        answer["decision_id"],
        3,
        "repo 1",
    )
    logged = load_candidates(db, decision.id)
    assert [one.id for one in logged] == [one["prediction_id"] for one in answer["candidates"]]
    assert [one.candidate_id for one in logged] == ["1", "good", "3"]
    assert decision.prediction_id == logged[1].id
    assert {one.unit_id for one in logged} == {"repo 1"}
    assert sorted(one.batch_rows or 0 for one in logged) == [0, 0, 3]  # they count as one request


def test_equal_features_get_equal_scores_and_chance_decides_among_them(
    api: Api, db: Database
) -> None:
    answers = ask(api, *[("/v1/rank", rank(80, 60, 80))] * 60)
    picked = Counter(answer["picked"] for _, answer in answers)
    assert set(picked) == {"1", "3"}
    assert min(picked.values()) > 10
    for _, answer in answers:
        assert answer["probability"] == 0.5
        assert [one["rank"] for one in answer["candidates"]] == [1, 3, 1]
    assert {one.probability for one in load(db)} == {0.5}


def test_a_policy_lets_chance_pick_with_the_probability_that_it_says(
    api: Api, db: Database
) -> None:
    put(db, PolicyTerms(PolicyKind.PICK, exploration=0.4))
    answers = [answer for _, answer in ask(api, *[("/v1/rank", rank(60, 90))] * 200)]
    explored = [one for one in answers if one["explored"]]
    assert 50 < len(explored) < 110
    assert {one["picked"] for one in answers if not one["explored"]} == {"2"}
    assert {one["picked"] for one in explored} == {"1", "2"}
    assert {(one["picked"], one["probability"]) for one in answers} == {("1", 0.2), ("2", 0.8)}
    assert {one["policy"] for one in answers} == {"p1"}


def test_a_group_that_is_asked_again_gets_the_same_answer_once_in_the_store(
    api: Api, db: Database
) -> None:
    put(db, PolicyTerms(PolicyKind.PICK, exploration=0.9))
    again = ("/v1/rank", rank(60, 90, 70, group_id="question 1"))
    answers = ask(api, *[again] * 5)
    assert all(answer == answers[0] for answer in answers)
    assert (count(db, schema.decisions), count(db, schema.predictions)) == (1, 3)


def test_a_group_with_other_candidates_is_refused_and_nothing_is_written(
    api: Api, db: Database
) -> None:
    first, other = (rank(60, best, group_id="question 1") for best in (90, 91))
    (_, answer), (status, refused) = ask(api, ("/v1/rank", first), ("/v1/rank", other))
    assert status == 409
    assert answer["decision_id"] in refused["error"]["message"]
    assert (count(db, schema.decisions), count(db, schema.predictions)) == (1, 2)


def test_groups_that_come_together_are_decided_once_each(api: Api, db: Database) -> None:
    async def run() -> list[Body]:
        bodies = [rank(60, 90, group_id=f"q{i % 5}") for i in range(40)]
        async with run_lifespan(api):
            asked = [post(api, "/v1/rank", json.dumps(body).encode()) for body in bodies]
            return [json.loads(one.content) for one in await asyncio.gather(*asked)]

    answers = asyncio.run(run())
    assert len({answer["decision_id"] for answer in answers}) == 5
    assert (count(db, schema.decisions), count(db, schema.predictions)) == (5, 10)


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (rank(60), "candidates", "this one has 1: ask /v1/decide"),
        (rank(), "candidates", "has 2 to 100 candidates"),
        (rank(*range(101)), "candidates", "this one has 101"),
        ({"candidates": [row(1, id="a"), row(2, id="a")]}, "candidates[1].id", "'a' too"),
        ({"candidates": [row(1, id="2"), row(2)]}, "candidates[1].id", "'2' too"),
        ({"candidates": [row(1), {"id": "b"}]}, "candidates[1].features", "missing required"),
        ({"candidates": [row(1), row(2, id="\0")]}, "candidates[1].id", "U+0000"),
        (rank(1, 2, group_id=""), "group_id", "length"),
        (rank(1, 2, group_id="\0"), "group_id", "U+0000"),
        (rank(1, 2, policy="best"), None, "is no policy"),
        (rank(1, 2, user="ann"), "user", "unknown field"),
    ],
)
def test_a_wrong_request_is_refused_with_its_field_and_nothing_is_written(
    api: Api, db: Database, body: Body, field: str | None, said: str
) -> None:
    [(status, answer)] = ask(api, ("/v1/rank", body))
    assert (status, answer["error"].get("field")) == (422, field)
    assert said in answer["error"]["message"]
    assert (count(db, schema.decisions), count(db, schema.predictions)) == (0, 0)


def test_a_hundred_candidates_are_ranked(api: Api) -> None:
    [(status, answer)] = ask(api, ("/v1/rank", rank(*range(100))))
    assert (status, answer["picked"], len(answer["candidates"])) == (200, "100", 100)


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        ([row(60), {"features": {"codeQuality": 80}}], "'2' lacks testCoverage"),
        (
            [row(60), {"features": {"security": 80}}],
            "No model scored 1 of 2 candidates, such as '2'",
        ),
        ([{"features": {"security": n}} for n in (60, 80)], "has none of the features"),
    ],
)
def test_scores_that_cannot_be_compared_as_they_should_are_said_to_be(
    api: Api, candidates: list[Body], said: str
) -> None:
    [(status, answer)] = ask(api, ("/v1/rank", {"candidates": candidates}))
    assert (status, answer["picked"]) == (200, "2")
    assert said in answer["reason"]


def test_where_nothing_can_be_scored_nothing_is_picked_and_the_attempts_are_kept(
    api: Api, db: Database
) -> None:
    body = {"candidates": [{"features": {"wind": n}} for n in (1, 2)]}
    [(status, answer)] = ask(api, ("/v1/rank", body))
    assert status == 422
    assert [one["source"] for one in answer["predictions"]] == ["refused"] * 2
    assert (count(db, schema.decisions), count(db, schema.predictions)) == (0, 2)


def test_a_policy_that_a_request_names_decides_unless_it_is_of_another_kind(
    api: Api, db: Database
) -> None:
    put(db, PICK)
    put(db, REDO)
    by_first, unknown, wrong = ask(
        api,
        ("/v1/rank", rank(60, 90, policy="p1")),
        ("/v1/rank", rank(60, 90, policy="p9")),
        ("/v1/rank", rank(60, 90, policy="p2")),
    )
    assert (by_first[0], by_first[1]["policy"]) == (200, "p1")
    assert (unknown[0], wrong[0]) == (404, 422)
    assert "p2 is a redo policy" in wrong[1]["error"]["message"]


# --- Redos ----------------------------------------------------------------------------------


def test_without_a_redo_policy_work_is_not_judged_and_the_sentence_says_what_to_do(
    api: Api, db: Database
) -> None:
    [(status, answer)] = ask(api, ("/v1/decide", row(80)))
    assert status == 409
    assert "policies set redo" in answer["error"]["message"]
    assert count(db, schema.predictions) == 0


def test_work_under_the_threshold_is_redone_up_to_the_last_attempt(api: Api, db: Database) -> None:
    put(db, REDO)
    good, bad, last = (
        answer
        for _, answer in ask(
            api,
            ("/v1/decide", row(65)),
            ("/v1/decide", row(64.9)),
            ("/v1/decide", row(10, attempt=3)),
        )
    )
    assert [one["action"] for one in (good, bad, last)] == ["accept", "redo", "accept"]
    assert (bad["threshold"], bad["probability"], bad["policy"]) == (65.0, 1.0, "p1")
    logged = load(db)
    assert [one.action for one in logged] == [
        RedoAction.ACCEPT,
        RedoAction.REDO,
        RedoAction.ACCEPT,
    ]
    assert [one.attempt for one in logged] == [1, 1, 3]
    assert logged[1].prediction_id == bad["prediction_id"]


def test_a_share_of_what_would_be_redone_is_let_through(api: Api, db: Database) -> None:
    put(db, PolicyTerms(PolicyKind.REDO, 0.3, 60.0, RedoCosts(1.0, 10.0), 65.0))
    answers = [answer for _, answer in ask(api, *[("/v1/decide", row(50))] * 200)]
    told = Counter((one["action"], one["explored"], one["probability"]) for one in answers)
    assert set(told) == {("accept", True, 0.3), ("redo", False, 0.7)}
    assert 35 < told["accept", True, 0.3] < 90


def test_work_that_was_scored_before_is_decided_without_being_scored_again(
    api: Api, db: Database
) -> None:
    put(db, REDO)

    async def run() -> list[Body]:
        async with run_lifespan(api):
            single = await post(api, "/v1/predict", json.dumps(row(50)).encode())
            batch = await post(api, "/v1/predict/batch", json.dumps({"rows": [row(90)]}).encode())
            found = [json.loads(single.content), *json.loads(batch.content)["predictions"]]
            bodies = [{"prediction_id": one["prediction_id"]} for one in found]
            replies = [await post(api, "/v1/decide", json.dumps(body).encode()) for body in bodies]
        return [json.loads(reply.content) for reply in replies]

    assert [one["action"] for one in asyncio.run(run())] == ["redo", "accept"]
    assert count(db, schema.predictions) + count(db, schema.batches) == 2


def test_a_prediction_that_is_not_there_or_was_removed_is_not_decided(
    api: Api, db: Database
) -> None:
    put(db, REDO)
    old = "019cae6b660070008000000000000000"
    with db.write() as conn:
        removals.start_removal(conn, NOON, NOON.replace(hour=13))
    unknown, removed = ask(
        api,
        *[
            ("/v1/decide", {"prediction_id": name})
            for name in ("order-17", old[:11] + "0" + old[12:])
        ],
    )
    assert (unknown[0], removed[0]) == (404, 404)
    assert "There is no prediction order-17" in unknown[1]["error"]["message"]
    assert "not kept any more" in removed[1]["error"]["message"]
    assert count(db, schema.decisions) == 0


@pytest.mark.parametrize("action", list(RedoAction))
def test_what_no_model_has_scored_is_left_to_what_the_policy_says(
    api: Api, db: Database, action: RedoAction
) -> None:
    terms = PolicyTerms(PolicyKind.REDO, 0.0, 60.0, RedoCosts(1.0, 10.0), 65.0, on_heuristic=action)
    put(db, terms)
    guessed, failed = (
        answer
        for _, answer in ask(
            api,
            ("/v1/decide", {"features": {"security": 90}}),
            ("/v1/decide", {"features": {"wind": 9}}),
        )
    )
    assert [one["action"] for one in (guessed, failed)] == [action.value] * 2
    assert [one["source"] for one in (guessed, failed)] == ["heuristic", "refused"]
    assert guessed["reason"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "features"),
        ({**row(1), "prediction_id": "a"}, "features"),
        ({"prediction_id": "a", "text": "x"}, "text"),
        (row(1, attempt=0), "attempt"),
        (row(1, attempt=1.5), "attempt"),
        (row(1, unit_id="\0"), "unit_id"),
    ],
)
def test_a_wrong_decision_request_is_refused_with_its_field(
    api: Api, db: Database, body: Body, field: str
) -> None:
    put(db, REDO)
    [(status, answer)] = ask(api, ("/v1/decide", body))
    assert (status, answer["error"].get("field")) == (422, field)
    assert count(db, schema.decisions) == 0


# --- Feedback, erasure and retention --------------------------------------------------------


def load_label(db: Database, prediction_id: str) -> tuple[float, str] | None:
    with db.read() as conn:
        label = labels.find_label(conn, prediction_id)
    return None if label is None else (label.actual, label.chosen_by.value)


def test_feedback_on_a_decision_is_a_label_of_what_it_chose_and_says_how(
    api: Api, db: Database
) -> None:
    async def run() -> tuple[Body, list[int]]:
        async with run_lifespan(api):
            answer = json.loads(
                (await post(api, "/v1/rank", json.dumps(rank(60, 90)).encode())).content
            )
            other = answer["candidates"][0]["prediction_id"]
            bodies = [
                {"decision_id": answer["decision_id"], "actual": 85},
                {"decision_id": answer["decision_id"], "actual": 85},
                {"prediction_id": other, "actual": 70},
                {"decision_id": "019cae6b660070008000000000000000", "actual": 70},
                {"actual": 70},
                {"prediction_id": other, "decision_id": answer["decision_id"], "actual": 70},
            ]
            replies = [
                await post(api, "/v1/feedback", json.dumps(body).encode()) for body in bodies
            ]
        return answer, [reply.status for reply in replies]

    answer, statuses = asyncio.run(run())
    assert statuses == [201, 200, 201, 404, 422, 422]
    not_picked, picked = (one["prediction_id"] for one in answer["candidates"])
    assert load_label(db, picked) == (85.0, "picked")
    assert load_label(db, not_picked) == (70.0, "feedback")


def test_erasing_a_group_takes_what_was_asked_and_every_name_of_it(api: Api, db: Database) -> None:
    ask(
        api,
        ("/v1/rank", rank(60, 90, group_id="ann's question", unit_id="ann")),
        ("/v1/rank", rank(60, 90, group_id="bob's question")),
    )
    with db.write() as conn:
        assert erasures.count_rows(conn, IdKind.GROUP, "ann's question").n_predictions == 2
        erasures.delete_rows(conn, IdKind.GROUP, "ann's question")
    anns, bobs = load(db)
    assert (anns.group_id, anns.unit_id) == (None, None)
    assert [(one.features, one.candidate_id) for one in load_candidates(db, anns.id)] == [
        ({}, None)
    ] * 2
    assert bobs.group_id == "bob's question"
    assert all(one.features for one in load_candidates(db, bobs.id))


def test_decisions_are_removed_with_the_predictions_of_their_time(api: Api, db: Database) -> None:
    ask(api, ("/v1/rank", rank(60, 90)))
    with db.write() as conn:
        removals.remove_between(conn, NOON, NOON)
    assert count(db, schema.decisions) == 1
    with db.write() as conn:
        removals.remove_between(conn, NOON, NOON.replace(hour=13))
    assert (count(db, schema.decisions), count(db, schema.predictions)) == (0, 0)
