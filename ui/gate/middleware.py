"""The gate before Streamlit: by which name and from which page a request comes, whether somebody is
logged in, and what every answer carries. Without a login nothing of Streamlit is reached."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.domain.installation import Session
from core.errors import OpsError, Refused
from core.log import get_logger
from core.web.exposure import TrustedHosts, check_direct
from core.web.forwarded import DIRECT, Front
from ui.gate.headers import put_headers
from ui.gate.html import build_page
from ui.gate.login import PATHS, Login, build_unavailable
from ui.gate.messages import ask_anew, is_a_click
from ui.gate.sparing import Sparing
from ui.gate.uploads import UPLOADS, UploadRules

HEALTH = "/_stcore/health"
_POLICY_VIOLATION = 1008
_NO_BODY = ("GET", "HEAD")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of the gate, fixed while the server runs."""

    trusted: TrustedHosts
    login: Login | None  # None where none is set up: only this machine is answered then
    closed: str  # why nobody may come in, as a sentence; empty where somebody may
    headers: dict[str, str]
    secure: bool  # browsers come by HTTPS
    uploads: UploadRules
    front: Front = DIRECT


class LoginGate:
    """ASGI middleware around everything that Streamlit serves."""

    def __init__(self, app: ASGIApp, load_rules: Callable[[], Rules]) -> None:
        self._app = app
        self._load_rules = load_rules
        self._refused = Sparing()
        self._notes: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, pass it on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        rules = self._load_rules()
        scope = dict(scope)
        names = rules.front.resolve(scope)
        path = rules.front.place(scope)
        connection = HTTPConnection(scope)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                put_headers(headers, rules.headers, rules.front.root_path, secure=rules.secure)
            await send(message)

        try:
            _check(connection, names, rules)
        except Refused as error:
            if n := self._refused.count():
                place = _get_place(connection)
                log.warning("request_refused", why=str(error), place=place, n=n)
            await _refuse(connection, str(error), receive, send_marked)
            return
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"origin"]
        if scope["path"] == scope["root_path"] != "":  # what the page loads is relative to it
            query = f"?{connection.url.query}" if connection.url.query else ""
            answer = RedirectResponse(f"{scope['root_path']}/{query}", status_code=308)
            await _answer(connection, answer, receive, send_marked)
            return
        await self._admit(connection, path, rules, receive, send_marked)

    async def _admit(
        self,
        connection: HTTPConnection,
        path: str,
        rules: Rules,
        receive: Receive,
        send: Send,
    ) -> None:
        scope, login = connection.scope, rules.login
        is_http = scope["type"] == "http"
        if is_http and path == HEALTH and scope["method"] in _NO_BODY:
            await self._app(scope, receive, send)
            return
        if rules.closed:
            await _refuse(connection, rules.closed, receive, send)
            return
        if login is None:
            await self._pass_on(scope, rules, receive, send)
            return
        if is_http and path in PATHS:
            await login.app(scope, receive, send)
            return
        token = login.read_token(connection)
        try:
            session = await _find(login, token)
        except OpsError as error:
            await _answer(connection, build_unavailable(error), receive, send)
            return
        if session is None or token is None:
            if is_http and _is_navigation(connection):
                answer = login.build_prompt(connection)
            else:
                answer = PlainTextResponse("Log in first.", status_code=401)
            await _answer(connection, answer, receive, send)
            return
        if is_http:
            if _is_navigation(connection) or scope["method"] not in _NO_BODY:
                self._note(login, token)
            await self._pass_on(scope, rules, receive, send)
        else:
            socket = _Socket(login, token, receive, send, lambda: self._note(login, token))
            await self._app(scope, socket.receive, socket.send)

    async def _pass_on(self, scope: Scope, rules: Rules, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "PUT" and UPLOADS in scope["path"]:
            try:
                rules.uploads.check(scope["path"], HTTPConnection(scope).headers)
            except Refused as error:
                answer = PlainTextResponse(str(error), status_code=413)
                await _answer(HTTPConnection(scope), answer, receive, send)
                return
        await self._app(scope, receive, send)

    def _note(self, login: Login, token: str) -> None:
        """Note that the person did something, without the request waiting for the store."""
        work = to_thread.run_sync(login.load_sessions().note_seen, token)
        task = asyncio.ensure_future(work)
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)


class _Socket:
    """A websocket of somebody logged in, each message of which needs the session to be live still.
    The first one after it ended asks for the page anew, whose guard leads to the login."""

    def __init__(
        self,
        login: Login,
        token: str,
        receive: Receive,
        send: Send,
        note: Callable[[], None],
    ) -> None:
        self._login = login
        self._token = token
        self._receive = receive
        self._send = send
        self._note = note
        self._ended = False
        self._closed = False

    async def receive(self) -> Message:
        """Return the next message that Streamlit may act on."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        data = message.get("bytes") or b""
        if await self._is_live():
            if is_a_click(data):
                self._note()
            return message
        anew = None if self._ended else ask_anew(data)
        self._ended = True
        if anew is not None:
            return {"type": "websocket.receive", "bytes": anew}
        self._closed = True
        await self._send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}

    async def send(self, message: Message) -> None:
        """Pass a message on, as long as the socket is open."""
        if not self._closed:
            await self._send(message)

    async def _is_live(self) -> bool:
        if self._ended:
            return False
        try:
            return await _find(self._login, self._token) is not None
        except OpsError:
            return False


def _check(connection: HTTPConnection, names: Sequence[str], rules: Rules) -> None:
    """Raise `Refused` for a request that nobody here should see."""
    headers = connection.headers
    hosts = headers.getlist("host")
    host = "" if len(hosts) > 1 else headers.get("host")  # of two, none is ours
    for name in (host, *names):
        rules.trusted.check_host(name)
    scheme = "https" if connection.scope["scheme"] in ("https", "wss") else ""
    rules.trusted.check_origin(headers.get("origin"), host, scheme)
    if rules.login is None:
        peer = connection.client.host if connection.client else None
        check_direct(peer, headers)


async def _find(login: Login, token: str | None) -> Session | None:
    if token is None:
        return None
    return await to_thread.run_sync(lambda: login.load_sessions().find(token))


async def _refuse(connection: HTTPConnection, sentence: str, receive: Receive, send: Send) -> None:
    answer: Response = PlainTextResponse(sentence, status_code=403)
    if connection.scope["type"] == "http" and _is_navigation(connection):
        answer = build_page("This request is refused", sentence, status=403)
    await _answer(connection, answer, receive, send)


async def _answer(
    connection: HTTPConnection, answer: Response, receive: Receive, send: Send
) -> None:
    """Answer instead of Streamlit: a websocket is closed before it is accepted, and a body that
    was on its way is not read."""
    if connection.scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    if connection.scope["method"] not in _NO_BODY:
        answer.headers["Connection"] = "close"
    await answer(connection.scope, receive, send)


def _is_navigation(connection: HTTPConnection) -> bool:
    """Return True if a person waits for a page, rather than a script or program for data."""
    if connection.scope["method"] not in _NO_BODY:
        return False
    mode = connection.headers.get("sec-fetch-mode")
    if mode is not None:
        return mode == "navigate"
    return "text/html" in connection.headers.get("accept", "")


def _get_place(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else "unknown"
