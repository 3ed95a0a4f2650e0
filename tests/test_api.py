"""The API as a caller meets it: over real HTTP on loopback, with a registry that behaves."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn

from core.api import ApiOptions, build_api
from core.deployment.release import deploy
from core.domain.dataset import TEXT
from core.domain.installation import Scope
from core.domain.model_card import Card
from core.domain.prediction import Prediction
from core.domain.sample import FeatureValue
from core.registry import Registry
from core.serving.answer import Ask, build_id
from core.serving.keys import KeyRing, create_key
from core.serving.service import PredictionService
from core.settings import Scale
from core.store.engine import database
from core.store.engine.database import Database
from core.store.installation import api_keys
from core.store.predictions import labels, predictions, removals
from core.store.predictions.direct import DirectLog
from core.store.predictions.predictions import move_batches
from core.web.router import Api
from tests.conftest import NOON
from tests.fakes import FakeArtifact, FakeRegistry, add_version, make_card
from tests.people import person
from tests.streams import load_recent_predictions

HUNDRED = Scale(0.0, 100.0)
BODY_LIMIT = 100_000
ROW = {"features": {"codeQuality": 80, "testCoverage": 60}}
UUID = "019cae6b660070008000000000000000"


@dataclass
class Server:
    """A running API and what is behind it."""

    client: httpx.Client
    service: PredictionService
    keys: KeyRing
    registry: FakeRegistry
    db: Database


class PromptServer(uvicorn.Server):
    """Ends when its callers have gone, where uvicorn waits 0.2 s: a test has one of its own."""

    async def main_loop(self) -> None:
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.001)
        await self.lifespan.shutdown()


@contextmanager
def run_server(api: Api) -> Iterator[str]:
    """The address of the API, served by uvicorn in a thread of this process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # so that a caller waits for the start rather than being refused
        config = uvicorn.Config(api, log_level="warning")
        running = PromptServer(config)
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(30)


@pytest.fixture
def server(db: Database, now: Callable[[], datetime]) -> Iterator[Server]:
    registry = FakeRegistry()
    add_version(db, registry)
    deploy(db, registry, 1, reason="tests", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service = PredictionService(db, registry, scale=HUNDRED, now=now)  # type: ignore[arg-type]
    keys = KeyRing(db, lambda: NOON)
    api = build_api(db, service, keys, ApiOptions(HUNDRED, BODY_LIMIT), lambda: {"champion": "v1"})
    with run_server(api) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield Server(client, service, keys, registry, db)


def _error(response: httpx.Response) -> tuple[int, str | None]:
    assert response.json()["error"]["message"]
    return response.status_code, response.json()["error"]["field"]


def _logged(db: Database) -> list[Prediction]:
    with db.read() as conn:
        return load_recent_predictions(conn, 100_000)[::-1]


def test_a_prediction_is_answered_and_is_in_the_store(server: Server) -> None:
    response = server.client.post("/v1/predict", json={**ROW, "unit_id": "repo 1", "text": "x"})
    assert response.status_code == 200
    answer = response.json()
    latency_ms = answer.pop("latency_ms")
    assert latency_ms >= 0
    [logged] = _logged(server.db)
    assert answer == {
        "prediction_id": logged.id,
        "score": 70.0,
        "low": 66.0,
        "high": 74.0,
        "source": "model",
        "version": "v1",
        "variant": "champion",
    }
    assert (logged.unit_id, logged.text) == ("repo 1", "x")
    assert logged.latency_ms == pytest.approx(latency_ms, abs=0.001)


def test_a_row_that_the_model_cannot_score_is_answered_by_the_heuristic(server: Server) -> None:
    answer = server.client.post("/v1/predict", json={"features": {"security": 90}}).json()
    assert (answer["source"], answer["score"], answer["version"]) == ("heuristic", 90.0, "v1")
    assert "v1 reads" in answer["reason"]


@pytest.mark.parametrize(
    ("features", "status", "source"),
    [({"wind": 3}, 422, "refused"), ({}, 422, "refused"), ({"codeQuality": "a"}, 503, "failed")],
)
def test_what_nothing_can_score_is_refused_or_failed_with_a_sentence_and_logged(
    server: Server, features: dict[str, Any], status: int, source: str
) -> None:
    """Without anything that the version reads it is the caller's mistake, and asking again helps
    nobody."""
    response = server.client.post("/v1/predict", json={"features": features})
    assert _error(response) == (status, None)
    assert response.headers.get("retry-after") == (None if status == 422 else "1")
    assert "nothing to guess from" in response.json()["error"]["message"]
    [logged] = _logged(server.db)
    assert response.json()["prediction_id"] == logged.id
    assert logged.source == source


def test_a_batch_is_answered_in_its_order(server: Server) -> None:
    rows = [{"features": {"codeQuality": value}} for value in (10, 20, 30)]
    response = server.client.post("/v1/predict/batch", json={"rows": [*rows, {"features": {}}]})
    answers = response.json()["predictions"]
    assert [answer["score"] for answer in answers] == [30.0, 35.0, 40.0, None]
    assert answers[3]["source"] == "refused"
    assert [row.id for row in _logged(server.db)] == [row["prediction_id"] for row in answers]


def _make_large(n: int = 400) -> list[dict[str, Any]]:
    return [
        {"features": {"codeQuality": i % 90, "language": "go"}, "unit_id": f"{i}"} for i in range(n)
    ]


def test_a_large_batch_is_answered_by_columns_and_is_in_the_log_when_it_is_drained(
    server: Server,
) -> None:
    rows = _make_large()
    answers = server.client.post("/v1/predict/batch", json={"rows": rows}).json()["predictions"]
    assert _logged(server.db) == []
    assert move_batches(server.db) == 400
    logged = _logged(server.db)
    assert [row.features for row in logged] == [
        {"codeQuality": float(row["features"]["codeQuality"]), "language": "go"} for row in rows
    ]
    for answer, row in zip(answers, logged, strict=True):
        assert answer["latency_ms"] == pytest.approx(row.latency_ms, abs=0.001)
        assert {**answer, "latency_ms": 0.0} == {
            "prediction_id": row.id,
            "score": row.score,
            "low": row.low,
            "high": row.high,
            "source": "model",
            "version": "v1",
            "variant": "champion",
            "latency_ms": 0.0,
        }
    assert {row.unit_id for row in logged} == {f"{i}" for i in range(400)}


def test_the_predictions_of_large_batches_are_counted(server: Server) -> None:
    server.client.post("/v1/predict/batch", json={"rows": _make_large()})
    said = server.client.get("/metrics").text
    assert 'plumbline_predictions_total{source="model",version="v1"} 400.0' in said


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"features": {"codeQuality": True, "language": "go"}}, "rows[350].features.codeQuality"),
        ({"features": {"codeQuality": 1}, "unit_id": ""}, "rows[350].unit_id"),
        ({"features": {"codeQuality": 1}, "text": "a\0b"}, "rows[350].text"),
        ({"features": {"codeQuality": 1}, "colour": 7}, "rows[350].colour"),
        ({"features": {"codeQuality": 1}, "at": "1789-07-14T00:00:00Z"}, "rows[350].at"),
    ],
)
def test_a_wrong_row_of_a_large_batch_is_refused_in_the_words_of_a_small_one(
    server: Server, change: dict[str, Any], field: str
) -> None:
    large = _make_large()
    large[350] = change
    refused = server.client.post("/v1/predict/batch", json={"rows": large})
    assert _error(refused) == (422, field)
    small = server.client.post("/v1/predict/batch", json={"rows": [change]}).json()
    assert small["error"]["message"] == refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("second", "status"), [({}, 422), ({"codeQuality": "high"}, 503)], ids=["refused", "failed"]
)
def test_a_batch_of_which_nothing_can_be_scored_says_whose_mistake_that_is(
    server: Server, second: dict[str, Any], status: int
) -> None:
    rows = [{"features": {}}, {"features": second}]
    response = server.client.post("/v1/predict/batch", json={"rows": rows})
    assert _error(response) == (status, None)
    assert len(response.json()["predictions"]) == 2


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ('{"features": {"codeQuality": NaN}}', "features.codeQuality"),
        ('{"features": {"codeQuality": Infinity}}', "features.codeQuality"),
        ('{"features": {"codeQuality": 1e999}}', "features.codeQuality"),
        ('{"features": {"codeQuality": true}}', "features.codeQuality"),
        ('{"features": {"codeQuality": [80]}}', "features.codeQuality"),
        ('{"features": {}, "feature": {}}', "feature"),
        ('{"features": {}, "at": "2026-03-02T12:00:00"}', "at"),
        ('{"features": {}, "at": "0001-01-01T00:00:00+23:59"}', "at"),
        ('{"features": {}, "at": "9999-12-31T23:59:59-23:59"}', "at"),
        ('{"features": {}, "unit_id": "a\\u0000"}', "unit_id"),
        ('{"features": {"\\ud800": NaN}}', "features.\\ud800"),
        ("{}", "features"),
        ("", None),
        ("[]", None),
        ("{features}", None),
        ("[" * 90_000, None),
    ],
)
def test_a_wrong_body_is_a_422_that_names_the_field(
    server: Server, content: str, field: str | None
) -> None:
    response = server.client.post("/v1/predict", content=content)
    assert _error(response) == (422, field)
    assert _logged(server.db) == []


def test_a_batch_beyond_10000_rows_is_a_422(db: Database, server: Server) -> None:
    content = '{"rows":[' + ",".join(["{}"] * 10_001) + "]}"
    assert _error(server.client.post("/v1/predict/batch", content=content)) == (
        422,
        "rows",
    )


def test_a_body_over_the_limit_is_a_413(server: Server) -> None:
    response = server.client.post("/v1/predict", content=b"x" * 10_000_000)
    assert _error(response) == (413, None)


def test_a_body_without_a_length_is_a_413_as_soon_as_it_is_too_long(server: Server) -> None:
    n_sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal n_sent
        while n_sent < 2000:
            n_sent += 1
            yield b"x" * 50_000

    try:
        response = server.client.post("/v1/predict", content=pieces())
    except (
        httpx.WriteError,
        httpx.ReadError,
        httpx.RemoteProtocolError,
    ):  # it stopped reading; what was said then may be lost on the way
        pass
    else:
        assert response.status_code == 413
    assert n_sent < 2000


def test_the_connection_works_after_a_refused_body(server: Server) -> None:
    server.client.post("/v1/predict", content=b"x" * 200_000)
    assert server.client.post("/v1/predict", json=ROW).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_does_not_say_it_is_json_is_a_415(server: Server, content_type: str) -> None:
    response = server.client.post(
        "/v1/predict", content=json.dumps(ROW), headers={"content-type": content_type}
    )
    assert _error(response) == (415, None)


def test_a_page_of_another_site_may_not_send_anything(server: Server) -> None:
    foreign = server.client.post("/v1/predict", json=ROW, headers={"origin": "https://evil.test"})
    assert _error(foreign) == (403, None)
    own = str(server.client.base_url).rstrip("/")
    assert server.client.post("/v1/predict", json=ROW, headers={"origin": own}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/predict", 405), ("GET", "/nope", 404)]
)
def test_other_paths_and_methods_are_answered_in_the_same_form(
    server: Server, method: str, path: str, status: int
) -> None:
    assert _error(server.client.request(method, path)) == (status, None)


def test_feedback_is_kept_once_and_a_correction_takes_over(server: Server) -> None:
    prediction_id = server.client.post("/v1/predict", json=ROW).json()["prediction_id"]

    def send(**body: object) -> int:
        response = server.client.post("/v1/feedback", json={"prediction_id": prediction_id, **body})
        return response.status_code

    assert send(actual=0) == 201
    assert send(actual=0) == 200
    assert send(actual=55.5, given_by="bob") == 201
    assert send(actual=55.5, given_by="bob") == 200
    assert send(actual=55.5, given_by="bob", rating=0.75) == 201
    assert send(actual=55.5, given_by="bob", rating=0.75) == 200
    with server.db.read() as conn:
        label = labels.find_label(conn, prediction_id)
    assert label is not None
    assert (label.actual, label.given_by, label.rating) == (55.5, "bob", 0.75)


def test_feedback_on_a_prediction_that_was_removed_says_so(
    server: Server, now: Callable[[], datetime]
) -> None:
    name = build_id(now() - timedelta(days=91), bytes(10))
    with server.db.write() as conn:
        removals.start_removal(conn, now(), now() - timedelta(days=90))
    response = server.client.post("/v1/feedback", json={"prediction_id": name, "actual": 70})
    assert response.status_code == 202
    assert response.json() == {"prediction_id": name, "outcome": "removed"}


def test_feedback_on_an_unknown_prediction_is_kept(server: Server) -> None:
    body = {"prediction_id": UUID, "actual": 70, "observed_at": "2026-03-01T12:00:00+01:00"}
    response = server.client.post("/v1/feedback", json=body)
    assert response.status_code == 202
    assert response.json() == {"prediction_id": UUID, "outcome": "unknown"}
    with server.db.read() as conn:
        label = labels.find_label(conn, UUID)
    assert label is not None
    assert label.observed_at.isoformat() == "2026-03-01T11:00:00+00:00"


def test_feedback_without_a_moment_is_observed_now(
    server: Server, now: Callable[[], datetime]
) -> None:
    server.client.post("/v1/feedback", json={"prediction_id": UUID, "actual": 70})
    with server.db.read() as conn:
        label = labels.find_label(conn, UUID)
    assert label is not None
    assert (label.observed_at, label.received_at, label.given_by) == (now(), now(), "api")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"actual": 100.1}, "actual"),
        ({"actual": -1}, "actual"),
        ({"actual": None}, "actual"),
        ({"actual": "70"}, "actual"),
        ({"observed_at": "2026-03-02T13:00:00Z"}, "observed_at"),
        ({"observed_at": "2026-03-02"}, "observed_at"),
        ({"observed_at": "0001-01-01T00:00:00+23:59"}, "observed_at"),
        ({"prediction_id": ""}, "prediction_id"),
        ({"prediction_id": "a\0b"}, "prediction_id"),
        ({"given_by": "a\0b"}, "given_by"),
        ({"rating": 5}, "rating"),
        ({"stars": 5}, "stars"),
    ],
)
def test_feedback_that_cannot_be_true_is_a_422(
    server: Server, change: dict[str, object], field: str
) -> None:
    body = {"prediction_id": UUID, "actual": 70, **change}
    assert _error(server.client.post("/v1/feedback", json=body)) == (422, field)


def test_a_clock_that_is_a_little_ahead_is_no_future(
    server: Server, now: Callable[[], datetime]
) -> None:
    observed_at = (now() + timedelta(seconds=30)).isoformat()
    body = {"prediction_id": UUID, "actual": 70, "observed_at": observed_at}
    assert server.client.post("/v1/feedback", json=body).status_code == 202


def test_labelled_rows_are_taken_known_or_rejected_each_for_itself(server: Server) -> None:
    rows = [
        {"features": {"wind": 3.5}, "target": 70, "id": "1", "at": "2026-03-01T12:00:00Z"},
        {"features": {"wind": 4.5}, "target": 0},
        {"features": {"wind": 4.5}, "target": 0},
        {"features": {"wind": 5.5}, "target": 101},
        {"features": {"wind": [4.5]}, "target": 50},
        {"features": {"wind": 5.5}},
    ]
    response = server.client.post("/v1/samples", json={"rows": rows})
    assert response.status_code == 200
    answer = response.json()
    assert (answer["n_received"], answer["n_new"], answer["n_duplicate"]) == (6, 2, 1)
    assert [rejected["row"] for rejected in answer["rejected"]] == [4, 5, 6]
    assert all(rejected["message"] for rejected in answer["rejected"])
    again = server.client.post("/v1/samples", json={"rows": rows[:2]}).json()
    assert (again["n_new"], again["n_duplicate"]) == (0, 2)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ('{"rows": []}', "rows"),
        ('{"rows": [7]}', "rows[0]"),
        ('{"rows": [{"features": {"a": NaN}, "target": 1}]}', "rows[0].features.a"),
        ('{"samples": []}', "samples"),
        ("{}", "rows"),
    ],
)
def test_wrong_samples_are_a_422(server: Server, content: str, field: str) -> None:
    assert _error(server.client.post("/v1/samples", content=content)) == (422, field)


def test_once_there_is_a_key_it_is_needed_and_its_scopes_hold(
    server: Server, now: Callable[[], datetime]
) -> None:
    key, text = create_key(server.db, "ci", frozenset({Scope.PREDICT}), by=person("ada"), now=now())
    server.keys.refresh()
    missing = server.client.post("/v1/predict", json=ROW)
    assert _error(missing) == (401, None)
    assert missing.headers["www-authenticate"] == "Bearer"
    wrong = {"authorization": "Bearer plk_wrong"}
    assert server.client.post("/v1/predict", json=ROW, headers=wrong).status_code == 401
    right = {"authorization": f"Bearer {text}"}
    assert server.client.post("/v1/predict", json=ROW, headers=right).status_code == 200
    body = {"prediction_id": UUID, "actual": 70}
    assert _error(server.client.post("/v1/feedback", json=body, headers=right)) == (403, None)
    for path in ("/v1/status", "/metrics"):
        assert server.client.get(path).status_code == 401
        assert server.client.get(path, headers=right).status_code == 403
    for path in ("/healthz", "/readyz"):
        assert server.client.get(path).status_code == 200
    with server.db.write() as conn:
        api_keys.revoke_key(conn, key.id, "ada", now())
    server.keys.refresh()
    assert server.client.post("/v1/predict", json=ROW, headers=right).status_code == 401


def test_every_prediction_and_label_is_kept_with_the_key_that_sent_it(
    server: Server, now: Callable[[], datetime]
) -> None:
    def ask_all() -> None:
        for path, body in (
            ("predict", ROW),
            ("predict/batch", {"rows": [ROW] * 2}),
            ("predict/batch", {"rows": _make_large()}),
            ("feedback", {"prediction_id": "a", "actual": 1, "given_by": "ceo"}),
        ):
            sent = server.client.post(f"/v1/{path}", json=body, headers=headers)
            assert sent.is_success

    headers: dict[str, str] = {}
    ask_all()
    assert move_batches(server.db) == 400
    assert {row.key_id for row in _logged(server.db)} == {None}
    scopes = frozenset({Scope.PREDICT, Scope.FEEDBACK})
    key, text = create_key(server.db, "app", scopes, by=person("ada"), now=now())
    server.keys.refresh()
    headers["authorization"] = f"Bearer {text}"
    ask_all()
    move_batches(server.db)
    assert [row.key_id for row in _logged(server.db)] == [None] * 403 + [key.id] * 403
    with server.db.read() as conn:
        label = labels.find_label(conn, "a")
    assert label is not None
    assert (label.given_by, label.key_id) == ("ceo", key.id)


def test_a_label_without_a_giver_is_the_keys(server: Server, now: Callable[[], datetime]) -> None:
    _, text = create_key(server.db, "ci", frozenset({Scope.FEEDBACK}), by=person("ada"), now=now())
    server.keys.refresh()
    headers = {"authorization": f"Bearer {text}"}
    server.client.post("/v1/feedback", json={"prediction_id": "a", "actual": 1}, headers=headers)
    with server.db.read() as conn:
        label = labels.find_label(conn, "a")
    assert label is not None
    assert label.given_by == "ci"


def test_a_request_keeps_its_id_or_gets_one(server: Server) -> None:
    kept = server.client.get("/healthz", headers={"x-request-id": "order-17"})
    assert kept.headers["x-request-id"] == "order-17"
    given = [server.client.get("/healthz").headers["x-request-id"] for _ in range(2)]
    assert given[0] != given[1]
    strange = server.client.get("/healthz", headers={"x-request-id": "a b" * 100})
    assert len(strange.headers["x-request-id"]) == 32


def test_a_bug_is_answered_with_the_requests_id(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(server.service.predictor, "answer_together", fail)
    response = server.client.post("/v1/predict", json=ROW, headers={"x-request-id": "order-17"})
    assert response.status_code == 500
    assert response.json()["request_id"] == "order-17"
    assert "ZeroDivisionError" not in response.text
    assert "ZeroDivisionError: a bug" in "".join(capsys.readouterr())


def test_what_cannot_be_logged_is_not_answered(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(DirectLog, "append", lambda *_: False)
    monkeypatch.setattr(predictions, "append_predictions", fail)
    response = server.client.post("/v1/predict", json=ROW)
    assert _error(response) == (503, None)
    assert response.headers["retry-after"] == "1"
    assert "prediction_id" not in response.json()
    assert server.client.get("/readyz").status_code == 503
    assert server.client.get("/healthz").status_code == 200


PLACE = 'server at "db.internal" (10.1.2.3), FATAL: password authentication failed for "plumb_rw"'
ASKS: "dict[str, Callable[[httpx.Client], httpx.Response]]" = {
    "/v1/predict": lambda client: client.post("/v1/predict", json=ROW),
    "/v1/predict/batch": lambda client: client.post("/v1/predict/batch", json={"rows": [ROW]}),
    "/v1/feedback": lambda client: client.post(
        "/v1/feedback", json={"prediction_id": UUID, "actual": 71}
    ),
    "/v1/samples": lambda client: client.post(
        "/v1/samples", json={"rows": [{"features": {"codeQuality": 80}, "target": 71}]}
    ),
    "/readyz": lambda client: client.get("/readyz"),
}


@pytest.mark.parametrize("path", ASKS)
def test_a_caller_is_told_of_no_host_and_no_folder_and_the_log_has_them_under_the_requests_id(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    @contextmanager
    def fail(db: Database) -> Iterator[None]:
        with database._as_unavailable(db):
            raise sa.exc.OperationalError("INSERT", {}, Exception(PLACE))
        yield

    monkeypatch.setattr(DirectLog, "append", lambda *_: False)
    monkeypatch.setattr(Database, "write", fail)
    response = ASKS[path](server.client)
    assert _error(response) == (503, None)
    for place in ("db.internal", "10.1.2.3", "plumb_rw", "sqlite", "/", "plumbline.db"):
        assert place not in response.json()["error"]["message"]
    request_id = response.headers["x-request-id"]
    assert response.json()["request_id"] == request_id
    [line] = [line for line in capsys.readouterr().err.splitlines() if request_id in line]
    assert "plumb_rw" in line
    assert f"path={path}" in line


def test_a_caller_is_not_told_where_a_version_should_be(
    db: Database, now: Callable[[], datetime], capsys: pytest.CaptureFixture[str]
) -> None:
    registry = FakeRegistry()
    add_version(db, registry)
    deploy(db, registry, 1, reason="tests", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    missing = Registry(Path("/srv/plumbline/artifacts"), "")
    registry.load_artifact = lambda _: missing.load_artifact("1" * 64)  # type: ignore[assignment]
    service = PredictionService(db, registry, scale=HUNDRED, now=now)  # type: ignore[arg-type]
    for _ in range(2):
        service.refresh()
    [answer] = service.predictor.answer([Ask({"codeQuality": 80.0})], now(), 0.0)
    assert str(answer.reason).startswith("v1 does not load: ")
    assert "/srv" not in str(answer.reason)
    assert capsys.readouterr().err.count("is not in /srv/plumbline/artifacts") == 1
    service.stop()


def test_a_locked_store_holds_up_predictions_and_nothing_else(server: Server) -> None:
    answers: list[httpx.Response] = []
    caller = threading.Thread(
        target=lambda: answers.append(server.client.post("/v1/predict", json=ROW))
    )
    with server.db.write():
        caller.start()
        while server.service.describe().n_waiting == 0:
            assert server.client.get("/healthz").status_code == 200
        assert answers == []
    caller.join(30)
    assert answers[0].json()["prediction_id"] == _logged(server.db)[0].id


def test_alive_and_ready_say_so(server: Server) -> None:
    assert server.client.get("/healthz").json() == {"status": "alive"}
    assert server.client.get("/readyz").json() == {
        "status": "ready",
        "version": "v1",
        "source": "model",
    }


def test_status_shows_the_system_and_what_this_process_answers_with(server: Server) -> None:
    shown = server.client.get("/v1/status").json()
    assert shown["champion"] == "v1"
    assert shown["serving"] == {
        "revision": 1,
        "version": "v1",
        "source": "model",
        "reason": None,
        "challenger": None,
        "challenger_reason": None,
        "scorer": "compiled",
        "scorer_reason": None,
        "cache_asked": 0,
        "cache_found": 0,
        "stages": {},
        "n_waiting": 0,
        "problem": None,
    }


def test_the_same_row_is_scored_once_and_logged_each_time(server: Server) -> None:
    answers = [server.client.post("/v1/predict", json=ROW).json() for _ in range(3)]
    assert {answer["score"] for answer in answers} == {70.0}
    assert [row.id for row in _logged(server.db)] == [row["prediction_id"] for row in answers]
    serving = server.client.get("/v1/status").json()["serving"]
    assert (serving["cache_asked"], serving["cache_found"]) == (3, 2)
    assert set(serving["stages"]) == {"parse", "route", "features", "model", "log"}
    shown = server.client.get("/metrics").text
    assert 'plumbline_cache_lookups{outcome="found"} 2.0' in shown
    assert 'plumbline_stage_seconds{stage="log",statistic="p95"}' in shown


def test_another_deployment_forgets_the_scores(server: Server, now: Callable[[], datetime]) -> None:
    server.client.post("/v1/predict", json=ROW)
    add_version(server.db, server.registry, bias=5.0)
    deploy(
        server.db,
        server.registry,  # type: ignore[arg-type]
        2,
        reason="tests",
        by=person("ada"),
        override=False,
        now=now(),
    )
    server.service.refresh()
    assert server.client.post("/v1/predict", json=ROW).json()["score"] == 75.0


@dataclass
class SlowReader(FakeArtifact):
    """A version that reads texts, and waits for `gate` at each."""

    card: Card = field(default_factory=lambda: replace(make_card(), reads=(TEXT,)))
    gate: threading.Event = field(default_factory=threading.Event)

    def score_row(self, row: Mapping[str, FeatureValue]) -> float:
        assert self.gate.wait(30)
        return super().score_row(row)


def test_a_text_that_takes_too_long_is_left_to_the_heuristic_and_holds_nobody_up(
    db: Database, now: Callable[[], datetime]
) -> None:
    registry, slow = FakeRegistry(), SlowReader()
    add_version(db, registry, artifact=slow)
    deploy(db, registry, 1, reason="tests", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service = PredictionService(db, registry, scale=HUNDRED, now=now)  # type: ignore[arg-type]
    options = ApiOptions(HUNDRED, BODY_LIMIT, beside_limit_ms=30)
    api = build_api(db, service, KeyRing(db, lambda: NOON), options, dict)
    with run_server(api) as url, httpx.Client(base_url=url, timeout=30) as client:
        late = client.post("/v1/predict", json={**ROW, "text": "def f(): ..."}).json()
        assert late["source"] == "heuristic"
        assert "its text and history took longer than 30 ms; the score is the" in late["reason"]
        slow.gate.set()
        assert "plumbline_late_features_total 1.0" in client.get("/metrics").text
        assert client.post("/v1/predict", json=ROW).json()["source"] == "model"
    assert [row.source for row in _logged(db)] == ["heuristic", "model"]


def test_metrics_count_what_was_answered(server: Server) -> None:
    server.client.post("/v1/predict", json=ROW)
    server.client.post("/v1/predict", content="{}")
    server.client.get("/nope")
    text = server.client.get("/metrics").text
    assert 'plumbline_predictions_total{source="model",version="v1"} 1.0' in text
    assert 'plumbline_requests_total{route="/v1/predict",status="422"} 1.0' in text
    assert 'plumbline_requests_total{route="other",status="404"} 1.0' in text


def test_the_documentation_names_bodies_answers_and_limits(server: Server) -> None:
    described = server.client.get("/openapi.json").json()
    predict = described["paths"]["/v1/predict"]["post"]
    assert predict["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/PredictBody"
    }
    assert {"200", "401", "403", "413", "422", "503"} <= set(predict["responses"])
    body = described["components"]["schemas"]["PredictBody"]
    assert body["additionalProperties"] is False
    assert body["properties"]["features"]["examples"]
    assert (
        described["components"]["schemas"]["PredictBatchBody"]["properties"]["rows"]["maxItems"]
        == 10_000
    )
    assert server.client.get("/docs").status_code == 200


def test_requests_at_once_are_each_answered_with_their_own_row(server: Server) -> None:
    wrong: list[object] = []

    def ask(value: int) -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=30) as client:
            for _ in range(20):
                row = {"features": {"codeQuality": value, "testCoverage": value}}
                answer = client.post("/v1/predict", json=row).json()
                if answer.get("score") != value:
                    wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(value,)) for value in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(_logged(server.db)) == 160
