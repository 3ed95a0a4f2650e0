"""The client: whatever the service does, the caller gets an answer and loses no label."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import stamina

from core import client as client_module
from core.client import AsyncPlumblineClient, PlumblineClient, weigh_metrics
from core.serving import fallback

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


class Awaited:
    """The asynchronous client, called as the other one is."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncPlumblineClient(*args, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *args, **options: self._runner.run(method(*args, **options))

    def __enter__(self) -> "Awaited":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


@pytest.fixture(params=[PlumblineClient, Awaited], ids=["threads", "asyncio"])
def kind(request: pytest.FixtureRequest) -> type[PlumblineClient]:
    """Either client: every promise holds for both."""
    kind: type[PlumblineClient] = request.param
    return kind


@pytest.fixture
def client(
    kind: type[PlumblineClient], service: Service, tmp_path: Path
) -> Iterator[PlumblineClient]:
    with kind(
        "http://plumbline.test",
        "plk_key",
        spool=tmp_path / "labels.db",
        now=lambda: NOON,
        transport=httpx.MockTransport(service),  # type: ignore[arg-type]
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


def test_a_fallback_of_ones_own_is_used(kind: type[PlumblineClient]) -> None:
    transport = httpx.MockTransport(_refuse)
    with kind("http://plumbline.test", fallback=lambda _: 42.0, transport=transport) as client:
        assert [answer.score for answer in client.predict_batch([{}, {}])] == [42.0, 42.0]


def test_the_fallback_is_the_services_own_heuristic() -> None:
    assert client_module.WEIGHTS == fallback.WEIGHTS
    for row in (ROW, {"code_quality": 10.0, "complexity": 30.0, "security": 240.0}):
        expected = fallback.weigh_metrics(fallback.choose_metrics(row))
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


def test_what_is_spooled_survives_the_process(
    kind: type[PlumblineClient], service: Service, tmp_path: Path
) -> None:
    def make() -> PlumblineClient:
        transport = httpx.MockTransport(service)
        return kind("http://plumbline.test", spool=tmp_path / "labels.db", transport=transport)

    service.answer = _refuse
    with make() as before:
        before.feedback("a", 1)
    service.answer = _answer(201, {})
    with make() as after:
        assert after.flush() == 0
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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_label_is_not_lost_for_a_redirect_and_its_receipt_says_where_to(
    client: PlumblineClient, service: Service, status: int
) -> None:
    away = {"location": "https://moved.example/v1/feedback?token=secret"}
    service.answer = lambda _: httpx.Response(status, headers=away)
    receipt = client.feedback("a", 70)
    assert receipt.outcome == "spooled"
    assert f"sends callers on to https://moved.example/v1/feedback ({status})" in receipt.message
    assert "secret" not in receipt.message
    service.answer = _answer(200, {})
    assert client.flush() == 0
    assert service.bodies[-1]["actual"] == 70


@pytest.mark.parametrize("status", [304, 500, 501, 507])
def test_a_label_is_not_lost_for_what_is_no_mistake_of_the_caller(
    client: PlumblineClient, service: Service, status: int
) -> None:
    service.answer = lambda _: httpx.Response(status, json="away")
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


def test_while_labels_are_being_sent_nobody_else_sends_them_in_another_order(
    client: PlumblineClient, service: Service, tmp_path: Path
) -> None:
    """A second call while the first is under way keeps its label behind those that wait."""
    service.answer = _refuse
    client.feedback("a", 1)
    receipts = []

    def answer(_: httpx.Request) -> httpx.Response:
        if not receipts:
            receipts.append(None)
            thread = threading.Thread(target=lambda: receipts.append(send()))
            thread.start()
            thread.join()
        return httpx.Response(201, json={})

    calls = getattr(client, "_client", client)._calls

    def send() -> str:
        with PlumblineClient(
            "http://plumbline.test",
            transport=httpx.MockTransport(service),
        ) as other:
            other._calls = calls
            return other.feedback("a", 2).outcome

    service.requests.clear()
    service.answer = answer
    client.flush()
    assert receipts == [None, "spooled"]
    assert client.flush() == 0
    assert [body["actual"] for body in service.bodies] == [1, 2]


def test_one_asynchronous_client_asks_for_many_at_once(tmp_path: Path) -> None:
    """All requests are under way before the first is answered."""
    n_under_way = 0
    together = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal n_under_way
        n_under_way += 1
        if n_under_way == 20:
            together.set()
        await together.wait()
        value = json.loads(request.content)["features"]["codeQuality"]
        return httpx.Response(200, json={**ANSWER, "score": value})

    async def ask() -> list[float | None]:
        transport = httpx.MockTransport(answer)
        async with AsyncPlumblineClient("http://plumbline.test", transport=transport) as client:
            answers = await asyncio.gather(
                *(client.predict({"codeQuality": float(n)}) for n in range(20))
            )
        return [answer.score for answer in answers]

    assert asyncio.run(ask()) == [float(n) for n in range(20)]


def test_a_call_that_is_cancelled_keeps_the_labels_and_lets_the_next_send_them(
    service: Service, tmp_path: Path
) -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    asked = asyncio.Event()

    async def run() -> int:
        spool = tmp_path / "labels.db"
        hanging = httpx.MockTransport(hang)
        client = AsyncPlumblineClient("http://plumbline.test", spool=spool, transport=hanging)
        with PlumblineClient(
            "http://plumbline.test", spool=spool, transport=httpx.MockTransport(_refuse)
        ) as earlier:
            earlier.feedback("a", 1)
        sending = asyncio.create_task(client.flush())
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        client._http = httpx.AsyncClient(
            base_url="http://plumbline.test", transport=httpx.MockTransport(service)
        )
        return await client.flush()

    assert asyncio.run(run()) == 0
    assert [body["actual"] for body in service.bodies] == [1]


@pytest.mark.parametrize("actual", [float("nan"), float("inf"), object()])
def test_what_is_no_number_is_refused_without_asking(
    client: PlumblineClient, service: Service, actual: float
) -> None:
    assert client.feedback("a", actual).outcome == "refused"
    assert service.requests == []


def test_feedback_on_an_answer_without_an_id_is_refused(client: PlumblineClient) -> None:
    assert client.feedback(None, 70).outcome == "refused"


def test_without_a_spool_or_with_one_that_cannot_be_written_it_says_lost(
    kind: type[PlumblineClient], tmp_path: Path
) -> None:
    for spool in (None, tmp_path / "missing" / "labels.db"):
        transport = httpx.MockTransport(_refuse)
        with kind("http://plumbline.test", spool=spool, transport=transport) as client:
            assert client.feedback("a", 70).outcome == "lost"


def test_a_copied_folder_imports_nothing_but_httpx_and_stamina_of_all_that_is_installed(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "calls_plumbline"
    shutil.copytree(Path(str(client_module.__file__)).parent, copy)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import httpx, stamina\n"
        "before = set(sys.modules)\n"
        "from calls_plumbline import PlumblineClient\n"
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert tops - set(sys.stdlib_module_names) == {"calls_plumbline"}


def test_the_wiring_in_the_documentation_keeps_working_while_the_service_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = Path(__file__).parents[2] / "docs" / "how-to" / "call.md"
    code = document.read_text().partition("```python\n")[2].partition("```")[0]
    monkeypatch.setitem(sys.modules, "client", client_module)
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(code.replace(":8000", ":1"), found)  # nothing listens there
    answer = found["answer"]
    assert (answer.source, answer.prediction_id) == ("client_fallback", None)
    assert answer.score == pytest.approx((0.25 * 82 + 0.20 * 64) / 0.45)
    assert "does not answer" in answer.reason
    found["plumbline"].close()


# --- Decisions ------------------------------------------------------------------------------

CANDIDATES = {"a": {"codeQuality": 60.0}, "b": {"codeQuality": 90.0}, "c": {"wind": 3.0}}
RANKED = {
    "decision_id": "d",
    "picked": "a",
    "probability": 0.025,
    "explored": True,
    "policy": "p1",
    "candidates": [
        {"id": name, "prediction_id": name, "score": score, "low": None, "high": None, "rank": rank}
        | {"source": "model"}
        for name, score, rank in (("a", 60.0, 2), ("b", 90.0, 1))
    ],
}
DECIDED = {
    "decision_id": "d",
    "action": "redo",
    "p_bad": 0.4,
    "threshold": 62.0,
    "probability": 0.95,
    "explored": False,
    "policy": "p2",
    "prediction_id": "a",
    "score": 50.0,
    "low": None,
    "high": None,
    "source": "model",
}


def test_a_ranking_is_the_services_with_its_candidates(kind: type[PlumblineClient]) -> None:
    service = Service(_answer(200, RANKED))
    with kind("http://p", transport=httpx.MockTransport(service)) as client:
        ranking = client.rank(CANDIDATES, texts={"a": "x"}, group_id="g", unit_id="u", policy="p1")
    assert (ranking.picked, ranking.source, ranking.decision_id) == ("a", "service", "d")
    assert (ranking.probability, ranking.explored, ranking.policy) == (0.025, True, "p1")
    assert {name: one.score for name, one in ranking.candidates.items()} == {"a": 60.0, "b": 90.0}
    [body] = service.bodies
    assert (body["group_id"], body["unit_id"], body["policy"]) == ("g", "u", "p1")
    assert body["candidates"][0] == {"id": "a", "features": {"codeQuality": 60.0}, "text": "x"}  # type: ignore[index]


@pytest.mark.parametrize("answer", [_refuse, _answer(503, {}), _answer(200, {"picked": "a"})])
def test_where_the_service_does_not_pick_the_best_fallback_is_and_work_is_accepted(
    kind: type[PlumblineClient], answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    transport = httpx.MockTransport(Service(answer))
    with kind("http://p", transport=transport) as client:
        ranking = client.rank(CANDIDATES)
        judgement = client.decide(CANDIDATES["a"])
    assert (ranking.picked, ranking.source, ranking.decision_id) == ("b", "client_fallback", None)
    assert [one.score for one in ranking.candidates.values()] == [60.0, 90.0, None]
    assert ranking.reason
    assert (judgement.action, judgement.decision_id) == ("accept", None)
    assert (judgement.answer.score, judgement.answer.source) == (60.0, "client_fallback")


def test_a_ranking_that_is_sent_again_names_the_same_group_and_the_next_one_another() -> None:
    service = Service(_answer(503, {}))
    with PlumblineClient("http://p", transport=httpx.MockTransport(service)) as client:
        client.rank(CANDIDATES)
        client.rank(CANDIDATES)
    names = [body["group_id"] for body in service.bodies]
    assert len(names) == 6
    assert len(set(names[:3])) == len(set(names[3:])) == 1
    assert names[0] != names[3]


def test_without_a_candidate_there_is_nothing_to_pick() -> None:
    with (
        PlumblineClient("http://p", transport=httpx.MockTransport(_refuse)) as client,
        pytest.raises(ValueError, match="no candidate"),
    ):
        client.rank({})


def test_a_judgement_is_the_services_and_feedback_names_its_decision(
    kind: type[PlumblineClient],
) -> None:
    service = Service(_answer(200, DECIDED))
    with kind("http://p", transport=httpx.MockTransport(service)) as client:
        judgement = client.decide(ROW, unit_id="u", attempt=2)
        receipt = client.feedback(None, 74.0, decision_id=judgement.decision_id)
    assert (judgement.action, judgement.p_bad, judgement.threshold) == ("redo", 0.4, 62.0)
    assert (judgement.probability, judgement.answer.score) == (0.95, 50.0)
    asked, told = service.bodies
    assert (asked["attempt"], asked["unit_id"]) == (2, "u")
    assert receipt.outcome == "stored"
    assert (told["decision_id"], "prediction_id" in told) == ("d", False)
