"""The client: whatever the service does, the caller gets an answer and loses no label."""

import ast
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
import stamina

from core import client as client_module
from core.client import PlumblineClient, weigh_metrics
from core.serving import heuristic

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROW = {"codeQuality": 80.0, "testCoverage": 60.0}
ANSWER = {
    "prediction_id": "a",
    "score": 71.5,
    "low": 66.0,
    "high": 77.0,
    "source": "model",
    "version": "v3",
    "variant": "champion",
    "latency_ms": 1.2,
}


@dataclass
class Service:
    """A service that answers what `answer` says and remembers what it was asked."""

    answer: Callable[[httpx.Request], httpx.Response]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request.content) for request in self.requests]


def _answer(status: int, content: object) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=content)


def _refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def service() -> Service:
    return Service(_answer(200, ANSWER))


@pytest.fixture
def client(service: Service, tmp_path: Path) -> Iterator[PlumblineClient]:
    with PlumblineClient(
        "http://plumbline.test",
        "plk_key",
        spool=tmp_path / "labels.db",
        now=lambda: NOON,
        transport=httpx.MockTransport(service),
    ) as client:
        yield client


def test_a_prediction_is_read_with_all_it_says(client: PlumblineClient, service: Service) -> None:
    answer = client.predict(
        {**ROW, "language": "py", "security": None}, unit_id="u", text="t", at=NOON
    )
    assert (answer.score, answer.low, answer.high) == (71.5, 66.0, 77.0)
    assert (answer.source, answer.prediction_id, answer.version) == ("model", "a", "v3")
    [request] = service.requests
    assert request.headers["authorization"] == "Bearer plk_key"
    assert service.bodies == [
        {
            "features": {**ROW, "language": "py", "security": None},
            "unit_id": "u",
            "text": "t",
            "at": "2026-03-02T12:00:00+00:00",
        }
    ]


def test_numbers_of_numpy_are_numbers_and_nan_is_missing(
    client: PlumblineClient, service: Service
) -> None:
    client.predict({"a": np.int64(3), "b": np.float32(0.5), "c": float("nan"), "d": np.inf})
    assert service.bodies == [{"features": {"a": 3.0, "b": 0.5, "c": None, "d": None}}]


def test_a_batch_comes_back_in_its_order(client: PlumblineClient, service: Service) -> None:
    service.answer = _answer(200, {"predictions": [{**ANSWER, "score": s} for s in (1.0, 2.0)]})
    assert [answer.score for answer in client.predict_batch([ROW, ROW])] == [1.0, 2.0]
    assert client.predict_batch([]) == []


def test_when_the_service_is_away_the_fallback_answers_and_says_so(
    client: PlumblineClient, service: Service
) -> None:
    service.answer = _refuse
    answer = client.predict(ROW)
    assert answer.score == pytest.approx((0.25 * 80 + 0.2 * 60) / 0.45)
    assert (answer.source, answer.prediction_id) == ("client_fallback", None)
    assert answer.reason == "The service does not answer (ConnectError)."
    assert len(service.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_service_that_says_it_cannot_is_asked_again_and_then_stood_in_for(
    client: PlumblineClient, service: Service, status: int
) -> None:
    service.answer = _answer(status, {"error": {"message": "busy"}})
    assert client.predict(ROW).source == "client_fallback"
    assert len(service.requests) == 3


def test_a_service_that_comes_back_in_time_answers(
    client: PlumblineClient, service: Service
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return _refuse(request) if len(service.requests) < 3 else httpx.Response(200, json=ANSWER)

    service.answer = answer
    assert client.predict(ROW).source == "model"


def test_an_attempt_that_failed_and_was_logged_is_not_repeated_and_keeps_its_id(
    client: PlumblineClient, service: Service
) -> None:
    service.answer = _answer(503, {"error": {"message": "no score"}, "prediction_id": "a"})
    answer = client.predict(ROW)
    assert (answer.source, answer.prediction_id, answer.reason) == (
        "client_fallback",
        "a",
        "no score",
    )
    assert len(service.requests) == 1


def test_a_refused_body_is_not_repeated_and_the_field_is_named(
    client: PlumblineClient, service: Service
) -> None:
    service.answer = _answer(422, {"error": {"message": "wrong", "field": "features.a"}})
    answer = client.predict(ROW)
    assert (answer.source, answer.reason) == ("client_fallback", "features.a: wrong")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "content", [b"<html>", b"[]", b"{}", b'{"score": 1}', b'{"predictions": [7]}']
)
def test_an_answer_of_something_else_is_stood_in_for(
    client: PlumblineClient, service: Service, content: bytes
) -> None:
    service.answer = lambda _: httpx.Response(200, content=content)
    assert client.predict(ROW).source == "client_fallback"


def test_a_feature_that_is_no_feature_does_not_raise(client: PlumblineClient) -> None:
    answer = client.predict({**ROW, "wrong": object()})
    assert answer.source == "client_fallback"
    assert "TypeError" in str(answer.reason)


def test_a_fallback_of_ones_own_is_used() -> None:
    transport = httpx.MockTransport(_refuse)
    with PlumblineClient(
        "http://plumbline.test", fallback=lambda _: 42.0, transport=transport
    ) as client:
        assert [answer.score for answer in client.predict_batch([{}, {}])] == [42.0, 42.0]


def test_the_fallback_is_the_services_own_heuristic() -> None:
    assert client_module.WEIGHTS == heuristic.WEIGHTS
    for row in (ROW, {"code_quality": 10.0, "complexity": 30.0, "security": 240.0}):
        expected = heuristic.weigh_metrics(heuristic.choose_metrics(row))
        assert weigh_metrics(row) == pytest.approx(expected)


def test_feedback_is_sent_with_the_moment_of_the_call(
    client: PlumblineClient, service: Service
) -> None:
    service.answer = _answer(201, {"outcome": "new"})
    assert client.feedback("a", 70, given_by="ada").outcome == "stored"
    assert service.bodies == [
        {
            "prediction_id": "a",
            "actual": 70,
            "observed_at": "2026-03-02T12:00:00+00:00",
            "given_by": "ada",
        }
    ]


def test_feedback_to_a_service_that_is_away_is_kept_and_sent_later_in_order(
    client: PlumblineClient, service: Service
) -> None:
    service.answer = _refuse
    assert client.feedback("a", 1).outcome == "spooled"
    assert client.feedback("a", 2).outcome == "spooled"
    service.requests.clear()
    service.answer = _answer(201, {})
    assert client.feedback("a", 3).outcome == "stored"
    assert [body["actual"] for body in service.bodies] == [1, 2, 3]
    assert client.flush() == 0


def test_what_is_spooled_survives_the_process(service: Service, tmp_path: Path) -> None:
    def make() -> PlumblineClient:
        transport = httpx.MockTransport(service)
        return PlumblineClient(
            "http://plumbline.test", spool=tmp_path / "labels.db", transport=transport
        )

    service.answer = _refuse
    make().feedback("a", 1)
    service.answer = _answer(201, {})
    assert make().flush() == 0
    assert service.bodies[-1]["actual"] == 1


def test_a_wrong_label_is_refused_with_the_message_and_not_kept(
    client: PlumblineClient, service: Service
) -> None:
    service.answer = _answer(422, {"error": {"message": "not on the scale", "field": "actual"}})
    receipt = client.feedback("a", 500)
    assert (receipt.outcome, receipt.message) == ("refused", "actual: not on the scale")
    assert client.flush() == 0


def test_a_label_is_not_lost_for_a_wrong_key(client: PlumblineClient, service: Service) -> None:
    service.answer = _answer(401, {"error": {"message": "The key is wrong."}})
    assert client.feedback("a", 70).outcome == "spooled"


def test_a_spooled_label_that_is_refused_does_not_block_the_others(
    client: PlumblineClient, service: Service
) -> None:
    service.answer = _refuse
    client.feedback("a", 500)
    client.feedback("b", 50)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(422 if b"500" in request.content else 201, json={})

    service.answer = answer
    assert client.flush() == 0


@pytest.mark.parametrize("actual", [float("nan"), float("inf"), object()])
def test_what_is_no_number_is_refused_without_asking(
    client: PlumblineClient, service: Service, actual: float
) -> None:
    assert client.feedback("a", actual).outcome == "refused"
    assert service.requests == []


def test_feedback_on_an_answer_without_an_id_is_refused(client: PlumblineClient) -> None:
    assert client.feedback(None, 70).outcome == "refused"


def test_without_a_spool_or_with_one_that_cannot_be_written_it_says_lost(tmp_path: Path) -> None:
    for spool in (None, tmp_path / "missing" / "labels.db"):
        transport = httpx.MockTransport(_refuse)
        with PlumblineClient("http://plumbline.test", spool=spool, transport=transport) as client:
            assert client.feedback("a", 70).outcome == "lost"


def test_it_uses_nothing_else_of_the_project() -> None:
    tree = ast.parse(Path(str(client_module.__file__)).read_text())
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
        )
    }
    assert names - set(sys.stdlib_module_names) == {"httpx", "stamina"}
