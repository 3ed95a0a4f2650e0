"""Connections of the API: every answer arrives whole, and a small one in a single write."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from core.web.protocol import GatheringProtocol

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n"
LAST = b"connection: close\r\n"
END = b"\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written, by writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = asyncio.Event()

    def writelines(self, list_of_data: Any) -> None:
        assert not self.closed.is_set()
        self.writes.append(b"".join(list_of_data))

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()


def answer(app: ASGIApp, content: bytes) -> list[bytes]:
    """What was written until the connection was closed."""

    async def ask() -> list[bytes]:
        config = uvicorn.Config(app, log_level="error", lifespan="off")
        config.load()
        protocol, wire = GatheringProtocol(config, ServerState(), {}), Wire()
        protocol.connection_made(wire)
        protocol.data_received(content)
        await asyncio.wait_for(wire.closed.wait(), 10)
        return wire.writes

    return asyncio.run(ask())


def test_head_and_body_of_a_small_answer_are_one_write() -> None:
    [written] = answer(Response(b"small"), REQUEST + LAST + END)
    assert written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert written.endswith(b"\r\n\r\nsmall")


@pytest.mark.parametrize("n_bytes", [0, 65_535, 65_536, 1_000_000])
def test_an_answer_of_any_size_arrives_whole(n_bytes: int) -> None:
    body = b"x" * n_bytes
    written = b"".join(answer(Response(body), REQUEST + LAST + END))
    assert written.partition(b"\r\n\r\n")[2] == body


def test_two_requests_on_one_connection_are_answered_in_their_order() -> None:
    writes = answer(Response(b"small"), REQUEST + END + REQUEST + LAST + END)
    assert [written.count(b"HTTP/1.1 200 OK") for written in writes] == [1, 1]


def test_what_is_streamed_is_written_while_it_comes() -> None:
    async def parts() -> Any:
        for part in (b"a" * 65_536, b"b" * 65_536):
            yield part

    writes = answer(StreamingResponse(parts()), REQUEST + LAST + END)
    assert len(writes) >= 2
    assert b"".join(writes).count(b"b") >= 65_536
