"""The API without sockets, for asking it very often: real routes, store and service, and a model
that needs no training."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from core.api import ApiOptions, build_api
from core.deployment.release import deploy
from core.serving.keys import KeyRing
from core.serving.service import PredictionService
from core.settings import Scale
from core.store.engine.database import Database
from core.web.router import Api
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version
from tests.people import person

HUNDRED = Scale(0.0, 100.0)


def make_api(
    db: Database,
    now: Callable[[], datetime],
    *,
    body_limit: int = 100_000,
    timer: Callable[[], float] = time.perf_counter,
    **options: Any,
) -> Api:
    """An API whose one version serves; `options` as `ApiOptions` has them."""
    registry = FakeRegistry()
    add_version(db, registry)
    deploy(db, registry, 1, reason="tests", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service = PredictionService(db, registry, scale=HUNDRED, now=now, timer=timer)  # type: ignore[arg-type]
    return build_api(
        db,
        service,
        KeyRing(db, lambda: NOON),
        ApiOptions(HUNDRED, body_limit, **options),
        lambda: {"champion": "v1"},
    )


@asynccontextmanager
async def run_lifespan(api: Api) -> AsyncIterator[None]:
    """From the start of the API to its end."""
    async with api.router.lifespan_context(api):
        yield


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    content: bytes
    headers: dict[str, str]

    @property
    def message(self) -> str:
        """What an error says."""
        return str(msgspec.json.decode(self.content)["error"]["message"])

    def explains_itself(self) -> bool:
        """Whether an error says what is wrong in a sentence."""
        try:
            error = msgspec.json.decode(self.content)["error"]
        except (msgspec.DecodeError, KeyError, TypeError):
            return False
        message = error["message"]
        return len(message.split()) >= 3 and message.endswith((".", "!", "?"))


async def post(api: Api, path: str, content: bytes) -> Reply:
    """Send a body to a path as a server would hand it over."""
    return await ask(api, "POST", path, content=content)


async def ask(
    api: Api,
    method: str,
    path: str,
    *headers: tuple[str, str],
    content: bytes = b"",
    host: str | None = "localhost",
    peer: str | None = "127.0.0.1",
    scheme: str = "http",
) -> Reply:
    """Send a request as a server would hand it over that a peer is connected to."""
    sent_headers = [] if host is None else [(b"host", host.encode())]
    sent_headers += [(name.encode(), value.encode()) for name, value in headers]
    if content:
        sent_headers.append((b"content-type", b"application/json"))
        sent_headers.append((b"content-length", str(len(content)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": sent_headers,
        "client": peer and (peer, 1),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await api(scope, receive, send)  # type: ignore[arg-type]
    start, *parts = sent
    given = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], b"".join(part.get("body", b"") for part in parts), given)


async def post_all(api: Api, asks: "list[tuple[str, bytes]]", *, at_once: int = 32) -> list[Reply]:
    """The replies to many bodies, in their order, so many under way at once."""
    replies: list[Reply | None] = [None] * len(asks)
    waiting = iter(enumerate(asks))

    async def work() -> None:
        for place, (path, content) in waiting:
            replies[place] = await post(api, path, content)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return [reply for reply in replies if reply is not None]
