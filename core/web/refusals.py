"""Refusals: what the API does not take or cannot do, as a status, headers and a sentence."""

import math
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from core.errors import Conflict, InvalidInput, NotFound, OpsError, Refused, Unavailable
from core.exposure import UntrustedRequest
from core.log import get_logger
from core.serving.bodies import ErrorAnswer, ErrorDetail
from core.serving.keys import MissingScope, UnknownCaller
from core.web.answers import json_response

REFUSED = "plumbline.refused"
"""Where a request's scope holds why it was refused, for whoever counts."""

REQUEST_ID = "plumbline.request_id"
"""Where a request's scope has its id."""

log = get_logger(__name__)


class BodyTooLarge(InvalidInput):
    """More bytes than a body may have; `is_open` where nobody knows how many more would come."""

    def __init__(self, limit: int, *, is_open: bool) -> None:
        super().__init__(
            f"The body has more than {limit:,} bytes, the most that this route takes: send less "
            "at a time. PLUMBLINE_BODY_LIMIT_KB sets what many rows at once may have."
        )
        self.is_open = is_open


class TooManyRequests(Refused):
    """More requests than a caller may send; when to try again."""

    def __init__(self, message: str, retry_seconds: float) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class WrongContentType(InvalidInput):
    """A body that does not say it is JSON."""


_ERRORS: Mapping[type[OpsError], tuple[int, str | None]] = {  # the first that fits
    BodyTooLarge: (413, "too_large"),
    WrongContentType: (415, "content_type"),
    UntrustedRequest: (403, "untrusted"),
    InvalidInput: (422, "invalid"),
    NotFound: (404, None),
    UnknownCaller: (401, "unknown_key"),
    MissingScope: (403, "missing_scope"),
    TooManyRequests: (429, "too_many"),
    Conflict: (409, None),
    Refused: (409, None),
    Unavailable: (503, None),
}
"""The status of an error, and the cause by which it is counted where the caller is refused."""


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to an error, as Starlette asks for it."""
    if isinstance(error, HTTPException):
        detail = _describe_http(request, error)
        error = HTTPException(error.status_code, detail, error.headers)
    return build_error(error, request.scope)


def build_error(error: Exception, scope: Scope) -> Response:
    """The answer to an error of ours, of Starlette's, or to a caller who left. Where more is known
    than a caller is told, the log has the whole under the request's id."""
    headers: dict[str, str] = {}
    request_id = None
    field = getattr(error, "field", None)
    cause: str | None = None
    if isinstance(error, HTTPException):
        status, message, headers = error.status_code, str(error.detail), dict(error.headers or {})
    elif isinstance(error, OpsError):
        (status, cause), message = _choose_status(error), error.public
        if message != str(error):
            request_id = scope.get(REQUEST_ID)
            log.warning(
                "request_refused", request_id=request_id, path=scope["path"], error=str(error)
            )
    else:
        status, message = 400, "The connection ended before the body did."
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status == 503:
        headers["retry-after"] = "1"
    if isinstance(error, TooManyRequests):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_seconds)))
    if isinstance(error, BodyTooLarge) and error.is_open:
        headers["connection"] = "close"  # else all that is sent would be read and thrown away
    if cause is not None:
        scope[REFUSED] = cause
    return json_response(status, ErrorAnswer(ErrorDetail(message, field), request_id), headers)


def _describe_http(request: Request, error: HTTPException) -> str:
    """What Starlette says in two words, as a sentence that says what to do."""
    path = request.url.path[:200]
    if error.status_code == 404:
        return f"There is no route {path}: /docs lists those that there are."
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return f"{path} does not take {request.method}: use {allowed}."
    return str(error.detail)


def _choose_status(error: OpsError) -> tuple[int, str | None]:
    found = (answer for kind, answer in _ERRORS.items() if isinstance(error, kind))
    return next(found, (500, None))
