"""A gate before an application that stands for Streamlit, and browsers that come to it."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from core.login.provider import has_secure_address
from core.login.sessions import LoginSessions
from core.settings import parse_settings
from core.store.engine.database import Database
from core.web.exposure import build_trusted_hosts
from tests.conftest import NOON
from tests.oidc import OidcProvider, provider, running_provider, write_secrets
from ui.gate.headers import build_headers
from ui.gate.login import Login, build_login
from ui.gate.middleware import LoginGate, Rules
from ui.gate.uploads import UploadRules

SITE = "http://127.0.0.1:8501"
ALLOWED = {"PLUMBLINE_ALLOWED_EMAILS": "ada@example.com,bob@example.com"}


__all__ = ["provider", "running_provider"]


@dataclass
class Streamlit:
    """What stands behind the gate: it remembers what reached it."""

    reached: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    origins: list[str | None] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        self.reached.append(scope["path"])
        headers = dict(scope["headers"])
        self.origins.append(headers.get(b"origin", b"").decode() or None)
        if scope["type"] == "http":
            await Request(scope, receive).body()
            answer = PlainTextResponse("streamlit", headers={"Set-Cookie": "_streamlit_xsrf=1"})
            await answer(scope, receive, send)
            return
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.received.append(message["bytes"])
        await send({"type": "websocket.send", "bytes": b"too late"})


@dataclass
class House:
    """A gate, what is behind it, and the clock of both."""

    gate: LoginGate
    behind: Streamlit
    login: Login | None
    sessions: LoginSessions
    runner: asyncio.Runner
    now: datetime = NOON

    def pass_(self, **time: float) -> None:
        """Let time go by."""
        self.now += timedelta(**time)

    def settle(self) -> None:
        """Wait for what the gate does without a request waiting for it."""

        async def wait() -> None:
            await asyncio.gather(*self.gate._notes)

        self.runner.run(wait())

    def open_browser(self, site: str = SITE, peer: str = "127.0.0.1") -> "Browser":
        """A browser without cookies, at an address."""
        transport = httpx.ASGITransport(self.gate, client=(peer, 4711))
        client = httpx.AsyncClient(
            transport=transport, base_url=site, headers={"Accept": "text/html"}
        )
        return Browser(client, self)


@dataclass
class Browser:
    """Keeps cookies, and goes where it is led."""

    client: httpx.AsyncClient
    house: House

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask for a page."""
        return self.send("GET", path, **options)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask for anything."""
        return self.house.runner.run(self.client.request(method, path, **options))

    def visit_provider(self, address: str) -> str:
        """Where the provider sends the browser back to."""

        async def visit() -> str:
            async with httpx.AsyncClient() as there:
                return str((await there.get(address)).headers["location"])

        return self.house.runner.run(visit())

    def log_in(self, path: str = "/auth/login") -> httpx.Response:
        """Log in by an address; the answer at the end of the way."""
        begun = self.get(path)
        assert begun.status_code == 303, begun.text
        return self.get(self.visit_provider(begun.headers["location"]))

    def open_socket(self, *messages: bytes, **headers: str) -> list[Message]:
        """Open a websocket and send messages; what came back."""
        sent: list[Message] = []
        waiting = [{"type": "websocket.receive", "bytes": data} for data in messages]
        cookies = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        host = str(self.client.base_url.netloc.decode())
        given = {"host": host, **({"cookie": cookies} if cookies else {}), **headers}

        async def receive() -> Message:
            return waiting.pop(0) if waiting else {"type": "websocket.disconnect", "code": 1000}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": "/_stcore/stream",
            "query_string": b"",
            "scheme": "ws",
            "client": ("127.0.0.1", 4711),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        self.house.runner.run(self.house.gate(scope, receive, send))
        return sent


OpenHouse = Callable[..., House]


@pytest.fixture
def open_house(db: Database) -> Iterator[OpenHouse]:
    """Builds a gate by settings, with a login at a provider or without."""
    runners: list[asyncio.Runner] = []

    def open_(
        provider: OidcProvider | None = None,
        *,
        site: str = SITE,
        closed: str = "",
        section: dict[str, object] | None = None,
        **values: str,
    ) -> House:
        allowed = ALLOWED if provider is not None else {}
        settings = parse_settings({**allowed, **values})
        house: House

        def clock() -> datetime:
            return house.now

        sessions = LoginSessions(db, settings, clock)
        login = None
        if provider is not None:
            found = write_secrets(provider.url, site)
            login = build_login({**found, **(section or {})}, settings, lambda: sessions, clock)
        secure = has_secure_address(settings) if login is None else login.secure
        rules = Rules(
            trusted=build_trusted_hosts(settings),
            login=login,
            closed=closed,
            headers=build_headers("<script>1</script>", secure=secure),
            secure=secure,
            uploads=UploadRules(1_000, lambda page: [400] if page == "full" else []),
        )
        behind = Streamlit()
        runner = asyncio.Runner()
        runners.append(runner)
        house = House(LoginGate(behind, lambda: rules), behind, login, sessions, runner)
        return house

    yield open_
    for runner in runners:
        runner.close()
