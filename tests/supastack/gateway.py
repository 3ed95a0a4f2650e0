"""What stands before PostgREST at Supabase: takes `/rest/v1` off, and refuses unknown keys."""

import http.client
import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

PREFIX = "/rest/v1"
_OF_ONE_CONNECTION = {"connection", "content-length", "transfer-encoding", "keep-alive"}
_NOT_FORWARDED = _OF_ONE_CONNECTION | {"host", "accept-encoding", "apikey"}


@dataclass(frozen=True)
class Answer:
    """A response as a client gets it."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


@dataclass(frozen=True)
class Slow:
    """Answers so late."""

    seconds: float


@dataclass(frozen=True)
class Dropped:
    """Closes the connection without a word."""


HTML = Answer(200, b"<html><body>Sign in</body></html>", (("Content-Type", "text/html"),))
Fault = Answer | Slow | Dropped
Change = Callable[[str, Answer], Answer]  # the path asked for and the true answer -> another one


@dataclass
class Gateway:
    """A running gateway. `faults` are used up, one a request; `change` sees every answer; every
    request waits `delay_seconds` besides, as on a way through the world."""

    keys: set[str]
    port: int
    upstream_port: int
    faults: list[Fault] = field(default_factory=list)
    change: Change | None = None
    delay_seconds: float = 0.0
    paths: list[str] = field(default_factory=list)  # what was asked for, in order

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Answer truthfully again."""
        self.faults.clear()
        self.paths.clear()
        self.change = None
        self.delay_seconds = 0.0


@contextmanager
def run_gateway(keys: set[str], port: int, upstream_port: int) -> Iterator[Gateway]:
    """A gateway on a thread of its own."""
    gateway = Gateway(keys, port, upstream_port)
    with _Server(gateway) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield gateway
        server.shutdown()
        thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        super().__init__(("127.0.0.1", gateway.port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some of the tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._upstream = http.client.HTTPConnection("127.0.0.1", self.server.gateway.upstream_port)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Keeps no access log."""

    def _handle(self) -> None:
        gateway = self.server.gateway
        gateway.paths.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(gateway.delay_seconds)
        fault = gateway.faults.pop(0) if gateway.faults else None
        if isinstance(fault, Dropped):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif isinstance(fault, Answer):
            self._send(fault)
        else:
            if isinstance(fault, Slow):
                time.sleep(fault.seconds)
            answer = self._refusal() or self._ask(body)
            self._send(answer if gateway.change is None else gateway.change(self.path, answer))

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

    def _refusal(self) -> Answer | None:
        if not self.path.startswith(PREFIX):
            return _message(404, "no Route matched with those values")
        key = self.headers.get("apikey")
        if not key:
            return _message(401, "No API key found in request")
        return None if key in self.server.gateway.keys else _message(401, "Invalid API key")

    def _ask(self, body: bytes) -> Answer:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _NOT_FORWARDED}
        try:
            path = self.path.removeprefix(PREFIX) or "/"
            self._upstream.request(self.command, path, body=body or None, headers=headers)
            response = self._upstream.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._upstream.close()
            return replace(HTML, status=502)
        kept = [(k, v) for k, v in response.getheaders() if k.lower() not in _OF_ONE_CONNECTION]
        return Answer(response.status, content, tuple(kept))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


def _message(status: int, message: str) -> Answer:
    return Answer(status, json.dumps({"message": message}).encode())
