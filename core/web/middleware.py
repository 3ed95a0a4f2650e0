"""The outermost layer of the API, which every request passes."""

import re
from collections.abc import Callable, Mapping, Set
from random import randbytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.domain.prediction import AnswerSource, Route
from core.log import get_logger
from core.serving.schemas import ErrorAnswer, ErrorDetail
from core.serving.telemetry.metrics import ServiceMetrics
from core.serving.telemetry.unanswered_counts import UnansweredCounts
from core.web.exposure import UntrustedRequest
from core.web.guard import Guard
from core.web.http import CALLER, CAUSE, IS_LOGGED, REQUEST_ID, build_error, json_response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_LOG_SECONDS = 10.0
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_COMMON = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_NOTHING = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_FIXED = (_NOTHING, *_COMMON)
_REFUSED, _FAILED = 400, 500  # the first status of a mistake of the caller's, and of one of ours
_NAMES: Mapping[str, str] = {
    "/v1/predict": Route.SINGLE,
    "/v1/decide": Route.SINGLE,
    "/v1/predict/batch": Route.BATCH,
    "/v1/rank": Route.BATCH,  # of many candidates
}

log = get_logger(__name__)


class RefusalLog:
    """Logs refused requests, at most one line every ten seconds for each cause."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._silent_until: dict[str, float] = {}
        self._n_refused: dict[str, int] = {}

    def add(self, cause: str, peer: str, route: str) -> None:
        """Count a refused request; the next line has the number of them and the peer of the last
        one."""
        n_refused = self._n_refused[cause] = self._n_refused.get(cause, 0) + 1
        now = self._timer()
        if now >= self._silent_until.get(cause, 0.0):
            log.warning("refused", cause=cause, peer=peer, route=route, n_refused=n_refused)
            self._silent_until[cause] = now + _LOG_SECONDS
            self._n_refused[cause] = 0


class Outermost:
    """Checks who may ask, sets the request's id and the security headers, counts the request, and
    answers even if a bug raises."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: ServiceMetrics,
        guard: Guard,
        refusals: RefusalLog,
        unanswered: UnansweredCounts,
        paths: Set[str],
        policies: Mapping[str, bytes],
    ) -> None:
        """`paths` are the paths that are counted by name, `policies` the content security policies
        of pages by path; every other answer may load nothing."""
        self._app = app
        self._metrics = metrics
        self._guard = guard
        self._refusals = refusals
        self._unanswered = unanswered
        self._paths = paths
        self._fixed = {
            path: ((b"content-security-policy", policy), *_COMMON)
            for path, policy in policies.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = self._find_path(scope)
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = choose_request_id(given.decode("latin-1"))
        header = (b"x-request-id", request_id.encode())
        scope[REQUEST_ID] = request_id
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), header, *self._fixed.get(path, _FIXED)]
                if scope["scheme"] == "https":
                    headers.append(_STRICT_TRANSPORT)
                message["headers"] = headers
            await send(message)

        try:
            self._guard.check(scope)
            await self._app(scope, receive, send_with_headers)
        except UntrustedRequest as error:
            await build_error(error, scope)(scope, receive, send_with_headers)
        except Exception:  # the last handler: a bug is recorded and answered
            log.exception("request_failed", request_id=request_id, path=path)
            if status == 0:
                message = (
                    "Something is broken here, and was recorded: give the request's id to whoever "
                    "runs this service."
                )
                answer = ErrorAnswer(ErrorDetail(message), request_id=request_id)
                await json_response(500, answer)(scope, receive, send_with_headers)
        route = path if path in self._paths else "other"
        self._metrics.count_request(route, status)
        if status >= _REFUSED:
            self._count_unanswered(scope, route, status)

    def _count_unanswered(self, scope: Scope, route: str, status: int) -> None:
        cause = scope.get(CAUSE, "bug")
        peer = self._guard.name_peer(scope)
        source = AnswerSource.FAILED
        if status < _FAILED:
            source = AnswerSource.REFUSED
            self._metrics.count_refused(cause)
            self._refusals.add(cause, peer, route)
        if not scope.get(IS_LOGGED):
            name = _NAMES.get(route, route.rpartition("/")[2])
            self._unanswered.add(name, source, cause, scope.get(CALLER) or peer)

    def _find_path(self, scope: Scope) -> str:
        """Set the path of a scope to the one of a route, and return it: below the root under which
        a proxy shows the API, and without a slash at its end."""
        path: str = scope["path"]
        if path not in self._paths:
            path = self._guard.front.place(scope)
            if path.endswith("/") and not path.endswith("//"):
                path = path[:-1] or "/"
            scope["path"] = path
        return path


def choose_request_id(given: str | None) -> str:
    """Return the request id that the caller gave if it is well formed, else a new one.

    >>> choose_request_id("order-17")
    'order-17'
    """
    return given if given and _REQUEST_ID.fullmatch(given) else randbytes(16).hex()
