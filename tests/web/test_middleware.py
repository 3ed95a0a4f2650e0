"""The outermost layer: every answer has the headers that a browser needs, every refusal is counted
by its cause, and a flood of them does not flood the log."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from core.domain.installation import Scope
from core.serving.keys import create_key
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.predictions.unanswered import load_unanswered
from core.web.middleware import RefusalLog
from tests.api_in_process import Reply, ask, make_api, run_lifespan
from tests.people import person
from tests.streams import DAY

ROW = b'{"features": {"codeQuality": 80, "testCoverage": 60}}'


def run(api: FastAPI, *asks: tuple[str, str, bytes]) -> list[Reply]:
    async def all_of_them() -> list[Reply]:
        async with run_lifespan(api):
            return [await ask(api, method, path, content=content) for method, path, content in asks]

    return asyncio.run(all_of_them())


def test_every_answer_tells_the_browser_to_do_nothing_with_it(
    db: Database, now: Callable[[], datetime]
) -> None:
    replies = run(
        make_api(db, now),
        ("POST", "/v1/predict", ROW),
        ("POST", "/v1/predict", b"{}"),
        ("POST", "/v1/predict/batch", b'{"rows": [' + ROW + b"]}"),
        ("GET", "/healthz", b""),
        ("GET", "/nope", b""),
        ("GET", "/metrics", b""),
        ("OPTIONS", "/v1/predict", b""),
    )
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["content-security-policy"] == (
            "default-src 'none'; frame-ancestors 'none'"
        )
        assert "strict-transport-security" not in reply.headers
        assert "access-control-allow-origin" not in reply.headers


def test_over_https_a_browser_is_told_to_stay_there(
    db: Database, now: Callable[[], datetime]
) -> None:
    api = make_api(db, now)

    async def once() -> Reply:
        async with run_lifespan(api):
            return await ask(api, "GET", "/healthz", scheme="https")

    assert "max-age=" in asyncio.run(once()).headers["strict-transport-security"]


def test_refusals_are_counted_by_their_cause(db: Database, now: Callable[[], datetime]) -> None:
    _, status_key = create_key(db, "ci", frozenset({Scope.STATUS}), by=person("ada"), now=now())
    _, predict_key = create_key(db, "app", frozenset({Scope.PREDICT}), by=person("ada"), now=now())
    api = make_api(db, now, rate=6.0, timer=lambda: 0.0)
    status = ("authorization", f"Bearer {status_key}")
    predict = ("authorization", f"Bearer {predict_key}")

    async def all_of_them() -> str:
        async with run_lifespan(api):
            await ask(api, "POST", "/v1/predict", status, content=ROW)
            await ask(api, "POST", "/v1/predict", content=ROW)
            await ask(api, "GET", "/healthz", host="evil.example")
            await ask(api, "POST", "/v1/predict", predict, content=b"{}")
            await ask(api, "POST", "/v1/predict", predict, content=b"x" * 200_000)
            wrong = ("content-type", "text/plain")
            await ask(api, "POST", "/v1/predict", predict, wrong)
            for _ in range(4):
                last = await ask(api, "POST", "/v1/predict", predict, content=ROW)
            assert last.status == 429
            assert last.headers["retry-after"] == "1"
            assert "PLUMBLINE_RATE_LIMIT" in last.message
            return (await ask(api, "GET", "/metrics", status)).content.decode()

    shown = asyncio.run(all_of_them())
    counts = dict(re.findall(r'plumbline_refused_total\{cause="(\w+)"\} ([0-9.]+)', shown))
    assert counts == {
        "missing_scope": "1.0",
        "unknown_key": "1.0",
        "untrusted": "1.0",
        "invalid": "1.0",
        "too_large": "1.0",
        "content_type": "1.0",
        "too_many": "1.0",
    }


def test_a_flood_of_refusals_is_a_line_in_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    refusals = RefusalLog(lambda: clock[0])
    for second in range(21):
        clock[0] = float(second)
        for _ in range(1_000):
            refusals.add("unknown_key", "192.0.2.7", "/v1/predict")
    lines = capsys.readouterr().err.splitlines()
    assert [re.findall(r"n_refused=(\d+)", line) for line in lines] == [["1"], ["10000"], ["10000"]]
    assert "192.0.2.7" in lines[0]


def test_every_call_is_counted_once_by_what_its_caller_got(
    db: Database, now: Callable[[], datetime]
) -> None:
    """In the log where there is a prediction, else by cause and caller."""
    _, app_key = create_key(db, "app", frozenset({Scope.PREDICT}), by=person("ada"), now=now())
    _, ci_key = create_key(db, "ci", frozenset({Scope.STATUS}), by=person("ada"), now=now())
    api = make_api(db, now, body_limit=1_000)
    app = ("authorization", f"Bearer {app_key}")
    ci = ("authorization", f"Bearer {ci_key}")
    batch = b'{"rows": [' + ROW + b", " + ROW + b"]}"
    asked = [
        ("/v1/predict", (app,), ROW, 200),
        ("/v1/predict", (app,), b'{"features": {}}', 422),
        ("/v1/predict", (app,), b'{"features": {"codeQuality": "a"}}', 503),
        ("/v1/predict/batch", (app,), batch, 200),
        ("/v1/predict/batch", (app,), b'{"rows": [{"features": {}}]}', 422),
        ("/v1/predict", (), ROW, 401),
        ("/v1/predict", (ci,), ROW, 403),
        ("/v1/predict", (app,), b"{", 422),
        ("/v1/predict/batch", (app,), b"[" * 2_000, 413),
        ("/v1/predict", (app, ("content-type", "text/plain")), b"", 415),
        ("/v1/feedback", (), b"{}", 401),
        ("/nope", (), b"{}", 404),
    ]

    async def all_of_them() -> list[int]:
        async with run_lifespan(api):
            return [
                (await ask(api, "POST", path, *headers, content=body)).status
                for path, headers, body, _ in asked
            ]

    assert asyncio.run(all_of_them()) == [status for *_, status in asked]
    with db.read() as conn:
        logged = conn.execute(sa.select(schema.predictions.c.source)).scalars().all()
        counted = load_unanswered(conn, now() - DAY, now() + DAY)
    assert sorted(logged) == sorted(["model", "refused", "failed", "model", "model", "refused"])
    assert {(one.route, one.source.value, one.cause, one.caller): one.n for one in counted} == {
        ("single", "refused", "unknown_key", "127.0.0.1"): 1,
        ("single", "refused", "missing_scope", "key 2"): 1,
        ("single", "refused", "invalid", "key 1"): 1,
        ("single", "refused", "content_type", "key 1"): 1,
        ("batch", "refused", "too_large", "key 1"): 1,
        ("feedback", "refused", "unknown_key", "127.0.0.1"): 1,
        ("other", "refused", "no_route", "127.0.0.1"): 1,
    }
