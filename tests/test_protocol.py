"""Connections of the API: every answer arrives whole, a small one in a single write, and nobody
keeps a connection who does not finish a request."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from core.web.protocol import GatheringProtocol
from tests.virtual_loop import run_virtually

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

    def abort(self) -> None:
        self.closed.set()

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


HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n"


def connect(app: ASGIApp, state: ServerState) -> tuple[GatheringProtocol, Wire]:
    config = uvicorn.Config(app, log_level="error", lifespan="off")
    config.load()
    protocol, wire = GatheringProtocol(config, state, {}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def answer_when_read(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["more_body"]:
        pass
    await Response(b"small")(scope, receive, send)


@pytest.mark.parametrize(
    ("sent", "every", "seconds"),
    [
        ([], 1.0, 10.0),
        ([b"GET"], 1.0, 10.0),
        ([b"\r\n"] * 60, 1.0, 10.0),
        ([b"G", b"E", b"T", b" ", b"/"] + [b"a"] * 60, 1.0, 10.0),
        ([HEAD + END], 1.0, 30.0),
        ([HEAD + END] + [b"a"] * 9, 4.0, 30.0),
        ([REQUEST + END] + [b"\r\n"] * 60, 1.0, 10.0),
        ([REQUEST + END, b"GET"], 4.0, 10.0),
    ],
)
def test_a_request_that_is_not_finished_in_time_is_not_waited_for(
    sent: list[bytes], every: float, seconds: float
) -> None:
    async def ask() -> float:
        protocol, wire = connect(answer_when_read, ServerState())
        loop = asyncio.get_running_loop()

        async def drip() -> None:
            for part in sent:
                if not wire.closed.is_set():
                    protocol.data_received(part)
                await asyncio.sleep(every)

        dripping = asyncio.create_task(drip())
        await asyncio.wait_for(wire.closed.wait(), 1_000)
        closed_at = loop.time()
        dripping.cancel()
        protocol.connection_lost(None)
        return closed_at

    assert run_virtually(ask()) == pytest.approx(seconds, abs=0.5)


def test_an_answer_may_take_as_long_as_it_does() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(300)
        await Response(b"small")(scope, receive, send)

    async def ask() -> Wire:
        protocol, wire = connect(slow, ServerState())
        protocol.data_received(REQUEST + LAST + END)
        await asyncio.wait_for(wire.closed.wait(), 1_000)
        protocol.connection_lost(None)
        return wire

    assert b"".join(run_virtually(ask()).writes).endswith(b"small")


def test_of_very_many_connections_those_that_were_waited_for_longest_go() -> None:
    async def ask() -> list[bool]:
        state = ServerState()
        wires = []
        for _ in range(801):
            wires.append(connect(answer_when_read, state))
            await asyncio.sleep(0.001)
        closed = [wire.closed.is_set() for _, wire in wires]
        for protocol, _ in wires:
            protocol.connection_lost(None)
        return closed

    assert run_virtually(ask()) == [True] * 400 + [False] * 401


@pytest.mark.parametrize("n_requests", [1, 2])
def test_a_caller_who_sends_nothing_more_has_the_answer_and_then_the_end(n_requests: int) -> None:
    async def ask() -> list[bytes]:
        protocol, wire = connect(answer_when_read, ServerState())
        protocol.data_received((HEAD + END + b"0123456789") * n_requests)
        assert protocol.eof_received() is True  # the transport stays open
        await asyncio.wait_for(wire.closed.wait(), 10)
        return wire.writes

    written = b"".join(asyncio.run(ask()))
    assert written.count(b"HTTP/1.1 200 OK") == n_requests
    assert written.count(b"connection: close") == 1


@pytest.mark.parametrize("sent", [b"", b"POST / HTTP/1.1\r\n", HEAD + END, HEAD + END + b"01234"])
def test_a_caller_who_ends_before_a_request_does_is_waited_for_no_longer(sent: bytes) -> None:
    async def end() -> bool | None:
        protocol, _ = connect(answer_when_read, ServerState())
        if sent:
            protocol.data_received(sent)
        ended = protocol.eof_received()
        protocol.connection_lost(None)
        await asyncio.sleep(0)
        return ended

    assert not asyncio.run(end())


def test_a_body_that_is_refused_unseen_is_not_waited_for() -> None:
    """Who asks for leave to send it may send the next request instead."""
    refused = answer(Response(b"no", status_code=413), HEAD + b"expect: 100-continue\r\n" + END)
    assert b"connection: close" in b"".join(refused)
    assert b"100 Continue" not in b"".join(refused)


def test_who_asks_for_leave_to_send_a_body_gets_it() -> None:
    async def ask() -> list[bytes]:
        protocol, wire = connect(answer_when_read, ServerState())
        protocol.data_received(HEAD + b"expect: 100-continue\r\n" + END)
        while not wire.writes:
            await asyncio.sleep(0)
        protocol.data_received(b"0123456789")
        await asyncio.wait_for(wire.closed.wait(), 10)
        return wire.writes

    first, *rest = asyncio.run(ask())
    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"HTTP/1.1 200 OK" in b"".join(rest)


def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    async def ask() -> list[bytes]:
        protocol, wire = connect(answer_when_read, ServerState())
        protocol.data_received(HEAD + END + b"0123456789")
        protocol.transport.write(b"half")
        wire.close()
        await asyncio.sleep(0)
        return wire.writes

    assert asyncio.run(ask()) == []
