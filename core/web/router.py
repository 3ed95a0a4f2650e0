"""The router of the API: an ASGI application with one operation for each method and path."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial, wraps
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from core.errors import OpsError
from core.serving.telemetry.metrics import ServiceMetrics
from core.serving.telemetry.unanswered_counts import UnansweredCounts
from core.settings import Scale
from core.web.guard import Guard
from core.web.http import build_error, json_response
from core.web.middleware import Outermost, RefusalLog
from core.web.openapi import DOCS_POLICY, Operation, build_docs, build_openapi

_DOCS = "/docs"

Endpoint = Callable[[Request], Awaitable[Response]]
"""A function that answers a request."""


def answer_by(
    at: tuple[str, str], endpoint: Endpoint, answers: Mapping[int, type | None], **described: Any
) -> Operation:
    """Return the operation that an endpoint answers; `described` are fields of `Operation`."""
    return Operation(at, _build_app(endpoint), endpoint.__name__, answers, **described)


class Api:
    """All operations behind the outermost layer, with their description at `/openapi.json` and
    `/docs`."""

    # A dict finds the route: Starlette's middleware and pattern matching would cost a small answer
    # a tenth of its time.

    def __init__(
        self,
        operations: Sequence[Operation],
        scale: Scale,
        lifespan: Lifespan[Any],
        metrics: ServiceMetrics,
        guard: Guard,
        refusals: RefusalLog,
        unanswered: UnansweredCounts,
    ) -> None:
        self.openapi = cache(partial(build_openapi, operations, scale))
        self.router = Router(lifespan=lifespan)  # for lifespan and other scopes than HTTP
        self._apps: dict[tuple[str, str], ASGIApp] = {one.at: one.app for one in operations}
        for path, write in (("/openapi.json", self._write_openapi), (_DOCS, self._write_docs)):
            self._apps["GET", path] = _build_app(write)
        for method, path in list(self._apps):
            if method == "GET":
                self._apps["HEAD", path] = self._apps["GET", path]
        paths = {path for _, path in (one.at for one in operations)}
        policies = {_DOCS: DOCS_POLICY}
        self._app = Outermost(self._route, metrics, guard, refusals, unanswered, paths, policies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.router(scope, receive, send)
            return
        try:
            app = self._apps.get((scope["method"], scope["path"]))
            if app is None:
                app = self._explain_missing(scope)
            await app(scope, receive, send)
        except (OpsError, HTTPException, ClientDisconnect) as error:
            await build_error(error, scope)(scope, receive, send)

    def _explain_missing(self, scope: Scope) -> ASGIApp:
        """Return the answer to OPTIONS at a path; raise `HTTPException` for what is not there."""
        method, path = scope["method"], scope["path"]
        methods = [known for known, its_path in self._apps if its_path == path]
        shown = path[:200]
        if not methods:
            docs = _get_root(scope) + _DOCS
            said = f"There is no route {shown}: {docs} lists those that there are."
            raise HTTPException(404, said)
        allowed = {"Allow": ", ".join([*methods, "OPTIONS"])}
        if method == "OPTIONS":
            return Response(status_code=204, headers=allowed)
        said = f"{shown} does not take {method}: use {', '.join(methods)}."
        raise HTTPException(405, said, allowed)

    async def _write_openapi(self, request: Request) -> Response:
        return json_response(200, self.openapi(_get_root(request.scope)))

    async def _write_docs(self, request: Request) -> Response:
        return HTMLResponse(build_docs(self.openapi(_get_root(request.scope))))


def _get_root(scope: Scope) -> str:
    """The path below which a proxy shows the API, empty for none."""
    return str(scope.get("root_path", ""))


def _build_app(endpoint: Endpoint) -> ASGIApp:
    @wraps(endpoint)
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return app
