"""The guard: no name, page, peer or method gets past it, on any route, however it was started."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network

import pytest

from core import setting_values as read
from core.domain.installation import Scope
from core.serving.keys import KeyRing, create_key
from core.settings import parse_settings
from core.store.engine.database import Database
from core.web.exposure import build_trusted_hosts
from core.web.forwarded import Front
from core.web.guard import Guard
from core.web.router import Api
from tests.api_in_process import Reply, ask, make_api, run_lifespan
from tests.conftest import NOON
from tests.people import person

Header = tuple[str, str]
ROUTES = [
    *(("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/v1/status")),
    *(("GET", path) for path in ("/docs", "/openapi.json", "/nope", "/redoc")),
    *(("POST", path) for path in ("/v1/predict", "/v1/predict/batch")),
    *(("POST", path) for path in ("/v1/feedback", "/v1/samples")),
    *(("OPTIONS", path) for path in ("/v1/predict", "/metrics")),
    *(("HEAD", "/metrics"), ("PUT", "/v1/samples"), ("DELETE", "/v1/predict")),
]
EVIL = "evil.example:8000"


def run(
    api: Api, method: str, path: str, *headers: Header, content: bytes = b"", **how: str | None
) -> Reply:
    async def once() -> Reply:
        async with run_lifespan(api):
            return await ask(api, method, path, *headers, content=content, **how)  # type: ignore[arg-type]

    return asyncio.run(once())


@pytest.fixture
def api(db: Database, now: Callable[[], datetime]) -> Api:
    return make_api(db, now)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_and_no_method_answers_to_a_foreign_name(api: Api, method: str, path: str) -> None:
    reply = run(api, method, path, ("origin", f"http://{EVIL}"), content=b"{}", host=EVIL)
    assert reply.status == 403
    assert "PLUMBLINE_ALLOWED_HOSTS" in reply.message


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_and_no_method_answers_a_foreign_page(api: Api, method: str, path: str) -> None:
    reply = run(api, method, path, ("origin", "http://evil.example"), content=b"{}")
    assert reply.status == 403
    assert "other sites" in reply.message
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_while_no_key_exists_no_route_and_no_method_answers_another_machine(
    api: Api, method: str, path: str
) -> None:
    reply = run(api, method, path, content=b"{}", peer="192.0.2.7")
    assert reply.status == 403
    assert "keys create" in reply.message


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "LOCALHOST.EVIL:80"),
        *("localhost.", "127.0.0.1@evil.example", "evil@127.0.0.1", "[::1].evil.example", ""),
        *("[::1]evil.example:80", "evil.example:80:127.0.0.1", "10.1.2.3:8000", "0.0.0.0"),
    ],
)
def test_a_name_that_only_looks_like_ours_is_foreign(api: Api, host: str) -> None:
    assert run(api, "GET", "/healthz", host=host).status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", None])
def test_our_own_names_are_answered(api: Api, host: str | None) -> None:
    assert run(api, "GET", "/healthz", host=host).status == 200


@pytest.mark.parametrize(("first", "second"), [("localhost", EVIL), (EVIL, "localhost")])
def test_two_hosts_are_refused_whichever_comes_first(api: Api, first: str, second: str) -> None:
    assert run(api, "GET", "/healthz", ("host", second), host=first).status == 403


def test_two_origins_are_refused(api: Api) -> None:
    own = ("origin", "http://localhost")
    assert run(api, "GET", "/healthz", ("origin", "http://evil.example"), own).status == 403


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "http://localhost:8001", "https://localhost:8000", "ftp://localhost:8000"),
        *("http://localhost:8000.evil.example", "http://evil.localhost:8000", "localhost:8000"),
        *("http://localhost:8000@evil.example", "http://localhost:8000/", "http://localhost"),
    ],
)
def test_an_origin_that_only_looks_like_ours_is_foreign(api: Api, origin: str) -> None:
    header = ("origin", origin)
    assert run(api, "POST", "/v1/samples", header, host="localhost:8000").status == 403


def test_a_trusted_pair_of_names_makes_no_other_pair_trusted(api: Api) -> None:
    async def ask_all() -> list[int]:
        async with run_lifespan(api):
            own = await ask(api, "GET", "/healthz", ("origin", "http://localhost"))
            other = await ask(
                api, "GET", "/healthz", ("origin", "http://localhost"), host="127.0.0.1"
            )
            secure = await ask(
                api, "GET", "/healthz", ("origin", "http://localhost"), scheme="https"
            )
            return [own.status, other.status, secure.status]

    assert asyncio.run(ask_all()) == [200, 403, 403]


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.7", None])
def test_what_a_header_says_of_the_peer_makes_nobody_local(
    api: Api, header: str, peer: str | None
) -> None:
    assert run(api, "GET", "/v1/status", (header, "127.0.0.1"), peer=peer).status == 403


def test_a_second_loopback_address_is_this_machine(api: Api) -> None:
    assert run(api, "GET", "/v1/status", peer="127.9.9.9").status == 200


def test_once_a_key_exists_another_machine_may_call_with_it(
    db: Database, now: Callable[[], datetime]
) -> None:
    _, text = create_key(db, "ci", frozenset({Scope.STATUS}), by=person("ada"), now=now())
    hosts = build_trusted_hosts(parse_settings({"PLUMBLINE_HOST": "192.0.2.2"}))
    with_key = ("authorization", f"Bearer {text}")
    api = make_api(db, now, hosts=hosts)
    reply = run(api, "GET", "/v1/status", with_key, peer="192.0.2.7", host="192.0.2.2:8000")
    assert reply.status == 200


def test_a_refused_request_changes_nothing(api: Api, db: Database) -> None:
    row = b'{"rows": [{"features": {"a": 1}, "target": 50}]}'

    async def ask_both() -> tuple[Reply, Reply]:
        async with run_lifespan(api):
            foreign = await ask(api, "POST", "/v1/samples", content=row, host=EVIL)
            return foreign, await ask(api, "POST", "/v1/samples", content=row)

    foreign, own = asyncio.run(ask_both())
    assert foreign.status == 403
    assert b'"n_new":1' in own.content


@pytest.mark.parametrize(
    ("proxy", "peer", "header", "name"),
    [
        (False, "192.0.2.7", None, "192.0.2.7"),
        (False, "192.0.2.7", "198.51.100.9", "forwarded"),
        (True, "198.51.100.9", "198.51.100.9", "198.51.100.9"),
        (True, "\x1b[31mroot", "\x1b[31mroot", "unknown"),
        (True, None, None, "unknown"),
    ],
)
def test_a_peer_is_named_by_an_address_and_by_nothing_else(
    db: Database, proxy: bool, peer: str | None, header: str | None, name: str
) -> None:
    proxies = tuple(map(ip_network, read.proxies("on" if proxy else "off")))
    hosts = build_trusted_hosts(parse_settings({}))
    guard = Guard(hosts, KeyRing(db, lambda: NOON), Front(proxies))
    headers = [] if header is None else [(b"x-forwarded-for", header.encode())]
    assert guard.name_peer({"headers": headers, "client": peer and (peer, 1)}) == name
