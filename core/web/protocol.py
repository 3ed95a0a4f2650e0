"""HTTP as uvicorn speaks it, but with an end for callers who do not finish what they say, and with
the head and the body of an answer in one write: a second call of the system costs a small answer a
tenth of its time."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_AT_ONCE = 65_536  # bytes that are written without waiting for the loop's next turn
_HEAD_SECONDS = 10.0  # from the connection, or the answer before, to the end of a request's head
_BODY_SECONDS = 30.0  # from there to the end of its body
_MAX_CONNECTIONS = 800  # of the 1,024 files that a process may usually have open


class _Gathered:
    """A transport that writes at the loop's next turn what is given to it in one."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self._n_bytes = 0

    def write(self, data: bytes) -> None:
        """Keep it until then, or write it now where it is much."""
        self._parts.append(data)
        self._n_bytes += len(data)
        if self._n_bytes >= _AT_ONCE:
            self._flush()
        elif len(self._parts) == 1:
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Write what is kept, then close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        parts, self._parts, self._n_bytes = self._parts, [], 0
        if parts:
            self._transport.writelines(parts)


class GatheringProtocol(HttpToolsProtocol):
    """What `uvicorn --http core.web.protocol:GatheringProtocol` serves a connection with. A
    connection whose request is not there in time is closed; of very many, those that have been
    waited for longest, so that there is always room for one more."""

    # A request moves the deadline and nothing else: one timer a connection looks at it, when the
    # deadline that it knows is over.

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._waits_since = 0.0
        self._deadline: float | None = None  # None while it is the application's turn
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve."""
        super().connection_made(_Gathered(transport))  # type: ignore[arg-type]
        self._wait(_HEAD_SECONDS)
        self._look()
        if len(self.connections) > _MAX_CONNECTIONS:
            _close_longest(self.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()

    def on_headers_complete(self) -> None:
        """Begin with a request whose head is there."""
        self._wait(_BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that a request is there as a whole."""
        if self.cycle is None or self.cycle.response_complete:
            self._wait(_HEAD_SECONDS)
        else:
            self._deadline = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of one that was answered before its end."""
        if self.pipeline:
            self._deadline = None
        elif not self.cycle.more_body:
            self._wait(_HEAD_SECONDS)
        super().on_response_complete()

    @property
    def waits_since(self) -> float | None:
        """Since when the caller is waited for, on the loop's clock; None where they are not."""
        return None if self._deadline is None else self._waits_since

    def _wait(self, seconds: float) -> None:
        self._waits_since = self.loop.time()
        self._deadline = self._waits_since + seconds

    def _look(self) -> None:
        """Close the connection where its deadline is over; look again when it may be."""
        now = self.loop.time()
        if self._deadline is not None and now >= self._deadline:
            self.transport.abort()  # to close it would wait for a caller who does not read either
            return
        ends_at = now + _HEAD_SECONDS if self._deadline is None else self._deadline
        self._watch = self.loop.call_at(ends_at, self._look)


def _close_longest(connections: set[Any]) -> None:
    """Close the half of the connections that wait longest for their callers, all at once: to look
    for one at each new connection would cost more than to serve it."""
    since = {
        one: one.waits_since
        for one in connections
        if isinstance(one, GatheringProtocol) and one.waits_since is not None
    }
    waiting = sorted(since, key=since.__getitem__)
    for one in waiting[: len(waiting) // 2]:
        one.transport.abort()
