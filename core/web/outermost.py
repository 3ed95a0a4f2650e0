"""The outermost layer of the API, which nothing gets past."""

import re
from collections.abc import Set
from random import randbytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.log import get_logger
from core.serving.bodies import ErrorAnswer, ErrorDetail
from core.serving.metrics import ServiceMetrics
from core.web.answers import json_response
from core.web.refusals import REQUEST_ID

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

log = get_logger(__name__)


class Outermost:
    """Around everything: the request's id, its count, and an answer even to a bug."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, paths: Set[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = choose_request_id(given.decode("latin-1"))
        header = (b"x-request-id", request_id.encode())
        scope[REQUEST_ID] = request_id
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # the last handler: a bug is recorded and answered
            log.exception("request_failed", request_id=request_id, path=path)
            if status == 0:
                message = (
                    "Something is broken here, and was recorded: give the request's id to whoever "
                    "runs this service."
                )
                answer = ErrorAnswer(ErrorDetail(message), request_id=request_id)
                await json_response(500, answer)(scope, receive, send_with_id)
        self._metrics.count_request(path if path in self._paths else "other", status)


def choose_request_id(given: str | None) -> str:
    """The caller's id for a request where it is a sensible one, else a new one.

    >>> choose_request_id("order-17")
    'order-17'
    """
    return given if given and _REQUEST_ID.fullmatch(given) else randbytes(16).hex()
