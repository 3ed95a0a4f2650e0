"""The API without sockets, for asking it very often: real routes, store and service, and a model
that needs no training."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from fastapi import FastAPI

from core.api import build_api
from core.deployment.release import deploy
from core.serving.keys import KeyRing
from core.serving.service import PredictionService
from core.settings import Scale
from core.store.database import Database
from tests.fakes import FakeRegistry, add_version

HUNDRED = Scale(0.0, 100.0)


def make_api(db: Database, now: Callable[[], datetime], *, body_limit: int = 100_000) -> FastAPI:
    """An API whose one version serves."""
    registry = FakeRegistry()
    add_version(db, registry)
    deploy(db, registry, 1, reason="tests", by="ada", override=False, now=now())  # type: ignore[arg-type]
    service = PredictionService(db, registry, scale=HUNDRED, now=now)  # type: ignore[arg-type]
    return build_api(
        db,
        service,
        KeyRing(db),
        scale=HUNDRED,
        body_limit=body_limit,
        status=lambda: {"champion": "v1"},
    )


@asynccontextmanager
async def run_lifespan(api: FastAPI) -> AsyncIterator[None]:
    """From the start of the API to its end."""
    async with api.router.lifespan_context(api):
        yield


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    content: bytes

    def explains_itself(self) -> bool:
        """Whether an error says what is wrong in a sentence."""
        try:
            error = msgspec.json.decode(self.content)["error"]
        except (msgspec.DecodeError, KeyError, TypeError):
            return False
        message = error["message"]
        return len(message.split()) >= 3 and message.endswith((".", "!", "?"))


async def post(api: FastAPI, path: str, content: bytes) -> Reply:
    """Send a body to a path as a server would hand it over."""
    headers = [(b"host", b"tests"), (b"content-type", b"application/json")]
    headers.append((b"content-length", str(len(content)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await api(scope, receive, send)  # type: ignore[arg-type]
    body = b"".join(bytes(message.get("body", b"")) for message in sent[1:])  # type: ignore[call-overload]
    return Reply(int(sent[0]["status"]), body)  # type: ignore[call-overload]


async def post_all(
    api: FastAPI, asks: "list[tuple[str, bytes]]", *, at_once: int = 32
) -> list[Reply]:
    """The replies to many bodies, in their order, so many under way at once."""
    replies: list[Reply | None] = [None] * len(asks)
    waiting = iter(enumerate(asks))

    async def work() -> None:
        for place, (path, content) in waiting:
            replies[place] = await post(api, path, content)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return [reply for reply in replies if reply is not None]
