"""HTTP by uvicorn, with time limits for callers who do not finish a request, and with the head and
the body of an answer in one write: a second system call costs a small answer a tenth of its
time."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_AT_ONCE = 65_536  # bytes; more are written before the loop's next turn
_HEAD_SECONDS = 10.0  # from the connection or the last answer to the end of a request's head
_BODY_SECONDS = 30.0  # from the end of its head to the end of its body
_MAX_CONNECTIONS = 800  # of the 1,024 files that a process may usually have open


class _Gathered:
    """A transport that joins all writes of one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self._n_bytes = 0

    def write(self, data: bytes) -> None:
        """Keep data until the loop's next turn; write at once if much has gathered."""
        self._parts.append(data)
        self._n_bytes += len(data)
        if self._n_bytes >= _AT_ONCE:
            self._flush()
        elif len(self._parts) == 1:
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Write the kept data, then close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        parts, self._parts, self._n_bytes = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.writelines(parts)


class GatheringProtocol(HttpToolsProtocol):
    """The protocol of `uvicorn --http core.web.protocol:GatheringProtocol`. A connection whose
    request does not arrive in time is closed. With too many connections, those that have waited
    longest for their callers are closed, so that a new one always finds room."""

    # A request only moves the deadline. Each connection has one timer, which reads the deadline
    # again when the one that it was set for has passed.

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._waits_since = 0.0
        self._deadline: float | None = None  # None while the application works
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of a new connection."""
        super().connection_made(_Gathered(transport))  # type: ignore[arg-type]
        self._wait(_HEAD_SECONDS)
        self._look()
        if len(self.connections) > _MAX_CONNECTIONS:
            _close_longest(self.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer of a closed connection."""
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Let a caller who sends nothing more, but still reads, have the answer; then close. TLS
        has no such half."""
        waits = self.cycle is not None and not self.cycle.response_complete
        if self.scheme == "https" or not waits or self.cycle.more_body:
            return None
        self.cycle.keep_alive = False
        return True

    def on_headers_complete(self) -> None:
        """Start the deadline of the body."""
        self._wait(_BODY_SECONDS)
        super().on_headers_complete()
        if (
            self.expect_100_continue and self.cycle is not None
        ):  # one that is refused before its body may never send that
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Stop the deadline, since the request has arrived as a whole."""
        if self.cycle is None or self.cycle.response_complete:
            self._wait(_HEAD_SECONDS)
        else:
            self._deadline = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the deadline of the next request, unless one waits already or the body of this one
        is still arriving."""
        if self.pipeline:
            self._deadline = None
        elif not self.cycle.more_body:
            self._wait(_HEAD_SECONDS)
        super().on_response_complete()

    @property
    def waits_since(self) -> float | None:
        """The loop's time since which the connection has waited for its caller; None if it does not
        wait."""
        return None if self._deadline is None else self._waits_since

    def _wait(self, seconds: float) -> None:
        self._waits_since = self.loop.time()
        self._deadline = self._waits_since + seconds

    def _look(self) -> None:
        """Close the connection if its deadline has passed; else check again at the deadline."""
        now = self.loop.time()
        if self._deadline is not None and now >= self._deadline:
            self.transport.abort()  # `close` would wait for a caller who reads nothing
            return
        ends_at = now + _HEAD_SECONDS if self._deadline is None else self._deadline
        self._watch = self.loop.call_at(ends_at, self._look)


def _close_longest(connections: set[Any]) -> None:
    """Close the half of the connections that have waited longest for their callers. Closing one for
    each new connection would cost more than serving it."""
    since = {
        one: one.waits_since
        for one in connections
        if isinstance(one, GatheringProtocol) and one.waits_since is not None
    }
    waiting = sorted(since, key=since.__getitem__)
    for one in waiting[: len(waiting) // 2]:
        one.transport.abort()
