"""The routes of the API: found by method and path, and what is none of them says what there is."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import pytest

from core.store.engine.database import Database
from tests.api_in_process import Reply, ask, make_api, run_lifespan


def _ask_one(db: Database, now: Callable[[], datetime], method: str, path: str) -> Reply:
    api = make_api(db, now)

    async def run() -> Reply:
        async with run_lifespan(api):
            return await ask(api, method, path)

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/predict//", "//v1/predict", "/redoc"])
def test_a_path_that_is_none_says_where_the_routes_are(
    db: Database, now: Callable[[], datetime], path: str
) -> None:
    reply = _ask_one(db, now, "POST", path)
    assert reply.status == 404
    assert reply.message == f"There is no route {path}: /docs lists those that there are."


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/predict", "POST"),
        ("PUT", "/v1/feedback", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/docs", "GET, HEAD"),
    ],
)
def test_another_method_is_told_which_the_route_takes(
    db: Database, now: Callable[[], datetime], method: str, path: str, allowed: str
) -> None:
    reply = _ask_one(db, now, method, path)
    assert (reply.status, reply.headers["allow"]) == (405, f"{allowed}, OPTIONS")
    assert reply.message == f"{path} does not take {method}: use {allowed}."


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/predict/", 422), ("/v1/predict/batch/", 422), ("/v1/samples/", 422)]
)
def test_a_slash_at_the_end_is_answered_and_leads_nowhere(
    db: Database, now: Callable[[], datetime], path: str, status: int
) -> None:
    reply = _ask_one(db, now, "POST", path)
    assert (reply.status, "location" in reply.headers) == (status, False)


@pytest.mark.parametrize(
    ("path", "allowed"), [("/v1/predict", "POST, OPTIONS"), ("/docs", "GET, HEAD, OPTIONS")]
)
def test_options_says_what_a_route_takes_and_lets_no_other_site_in(
    db: Database, now: Callable[[], datetime], path: str, allowed: str
) -> None:
    reply = _ask_one(db, now, "OPTIONS", path)
    assert (reply.status, reply.content, reply.headers["allow"]) == (204, b"", allowed)
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json", "/docs/", "/healthz/"])
def test_a_route_that_is_read_answers_head(
    db: Database, now: Callable[[], datetime], path: str
) -> None:
    assert _ask_one(db, now, "HEAD", path).status == 200
