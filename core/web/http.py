"""HTTP: reading the headers and bodies of requests, and writing answers and errors."""

import asyncio
import codecs
import math
import re
import zlib
from collections.abc import Collection, Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope

from core.domain.prediction import UNREADABLE, AnswerSource
from core.errors import Conflict, InvalidInput, NotFound, OpsError, Refused, Unavailable
from core.log import get_logger
from core.serving.keys import MissingScope, UnknownCaller
from core.serving.schemas import BadBody, ErrorAnswer, ErrorDetail
from core.web.exposure import UntrustedRequest

JSON = "application/json"


def json_response(
    status: int, content: object, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with this content as JSON."""
    return Response(msgspec.json.encode(content), status, headers, JSON)


CAUSE = "plumbline.cause"
"""The key of a request's scope for the cause of its refusal or failure, which is counted."""

CALLER = "plumbline.caller"
"""The key of a request's scope for the API key that called, such as "key 3", if known."""

IS_LOGGED = "plumbline.is_logged"
"""The key of a request's scope that is True if the log of predictions holds its outcome."""

REQUEST_ID = "plumbline.request_id"
"""The key of a request's scope for its id."""

log = get_logger(__name__)


class BodyTooLarge(InvalidInput):
    """A body over the limit; `is_open` if its length was not declared."""

    def __init__(self, limit: int, *, is_open: bool) -> None:
        super().__init__(
            f"The body has more than {limit:,} bytes, the most that this route takes: send less "
            "at a time. PLUMBLINE_BODY_LIMIT_KB sets what many rows at once may have."
        )
        self.is_open = is_open


class TooManyRequests(Refused):
    """More requests than a caller may send, with the seconds to wait before the next."""

    def __init__(self, message: str, retry_seconds: float) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class WrongContentType(InvalidInput):
    """A body whose content type is not JSON."""


_ERRORS: Mapping[type[OpsError], tuple[int, str]] = {  # the first match counts
    BodyTooLarge: (413, "too_large"),
    WrongContentType: (415, "content_type"),
    UntrustedRequest: (403, "untrusted"),
    InvalidInput: (422, "invalid"),
    NotFound: (404, "not_found"),
    UnknownCaller: (401, "unknown_key"),
    MissingScope: (403, "missing_scope"),
    TooManyRequests: (429, "too_many"),
    Conflict: (409, "conflict"),
    Refused: (409, "conflict"),
    Unavailable: (503, "store"),
}
"""The status of an error, and the cause by which it is counted."""


def build_error(error: Exception, scope: Scope) -> Response:
    """Return the response for an error of ours or of Starlette's, or for a caller who left. If the
    error says more than a caller may see, the whole is logged under the request's id."""
    headers: dict[str, str] = {}
    request_id = None
    field = getattr(error, "field", None)
    if isinstance(error, HTTPException):
        status, message, headers = error.status_code, str(error.detail), dict(error.headers or {})
        cause = "no_route"
    elif isinstance(error, OpsError):
        (status, cause), message = _choose_status(error), error.public
        if message != str(error):
            request_id = scope.get(REQUEST_ID)
            log.warning(
                "request_refused", request_id=request_id, path=scope["path"], error=str(error)
            )
    else:
        status, message = 400, "The connection ended before the body did."
        cause = "incomplete"
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status == 503:
        headers["retry-after"] = "1"
    if isinstance(error, TooManyRequests):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_seconds)))
    if isinstance(error, BodyTooLarge) and error.is_open:
        headers["connection"] = "close"  # else the rest of the body would be read and dropped
    scope[CAUSE] = cause
    return json_response(status, ErrorAnswer(ErrorDetail(message, field), request_id), headers)


def _choose_status(error: OpsError) -> tuple[int, str]:
    found = (answer for kind, answer in _ERRORS.items() if isinstance(error, kind))
    return next(found, (500, "bug"))


def build_unscored(sources: Collection[AnswerSource], content: ErrorAnswer) -> Response:
    """Return the answer to rows of which none has a score and all are in the log: 422 where each
    was refused, since sending it again helps nobody, else 503."""
    if set(sources) == {AnswerSource.REFUSED}:
        return json_response(422, content)
    return json_response(503, content, {"retry-after": "1"})


def note_logged(scope: Scope, response: Response) -> None:
    """Note for whoever counts that the log of predictions says what this request's caller got."""
    scope[IS_LOGGED] = True
    scope[CAUSE] = UNREADABLE if response.status_code < 500 else "no_score"


_ENCODINGS = ("gzip", "deflate")
_GZIP_WINDOW = zlib.MAX_WBITS | 16
_CHARSET = re.compile(r"""(?i)(?:^|[;\s])charset\s*=\s*["']?([^"';]*)""")
_UTF_8 = ("utf-8", "utf8", "us-ascii", "ascii")  # of which ASCII is a part
_READ = {b"authorization": "authorization"}
_READ |= {b"content-type": "content-type", b"content-length": "content-length"}
_READ |= {b"content-encoding": "content-encoding"}


def read_headers(scope: Scope) -> dict[str, str]:
    """Return the headers that routes read, by lower-case name; of a repeated header, the last.

    >>> read_headers({"headers": [(b"host", b"a"), (b"content-length", b"12")]})
    {'content-length': '12'}
    """
    given = scope["headers"]
    return {_READ[name]: value.decode("latin-1") for name, value in given if name in _READ}


async def read_body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes:
    """Return the body, inflated if it is compressed. Raises `BodyTooLarge` as soon as it is known
    to exceed `limit` bytes, `WrongContentType` if it is not JSON in UTF-8 or compressed in another
    way, `BadBody` if it cannot be inflated, and `ClientDisconnect` if the caller leaves before its
    end."""
    check_content_type(headers.get("content-type"))
    encoding = read_encoding(headers)
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(limit, is_open=False)
    chunks: list[bytes] = []
    n_bytes = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        n_bytes += len(chunks[-1])
        if n_bytes > limit:
            raise BodyTooLarge(limit, is_open=not announced)
        if not message.get("more_body", False):
            break
    content = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if encoding:  # in a thread: a kilobyte may become a megabyte
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(None, inflate, content, encoding, limit)
    return _cut_mark(content)


def read_encoding(headers: Mapping[str, str]) -> str:
    """Return by what a body is compressed, empty for nothing. Raises `WrongContentType`.

    >>> read_encoding({"content-encoding": "GZIP"}), read_encoding({})
    ('gzip', '')
    """
    given = headers.get("content-encoding")
    if given is None:
        return ""
    encoding = given.strip().lower().removeprefix("x-")
    if encoding in ("", "identity"):
        return ""
    if encoding not in _ENCODINGS:
        raise WrongContentType(
            f"The body is compressed as '{given[:100]}': send it as gzip or deflate, or as it is."
        )
    return encoding


def inflate(content: bytes, encoding: str, limit: int) -> bytes:
    """Return a body that is compressed by gzip or deflate. No more than `limit` bytes are inflated:
    what is larger raises `BodyTooLarge`. Raises `BadBody` for what is damaged or no single stream.

    >>> inflate(zlib.compress(b"{}"), "deflate", 10)
    b'{}'
    """
    window = _GZIP_WINDOW if encoding == "gzip" else zlib.MAX_WBITS
    if encoding == "deflate" and not _has_zlib_header(content):  # which many leave out
        window = -zlib.MAX_WBITS
    stream = zlib.decompressobj(window)
    try:
        found = stream.decompress(content, limit + 1)
    except zlib.error:
        found = b""
    if len(found) > limit:
        raise BodyTooLarge(limit, is_open=False)
    if not stream.eof or stream.unused_data:
        raise BadBody(
            None, f"The body is no whole {encoding} stream: send all of one, and no more."
        )
    return found


def _has_zlib_header(content: bytes) -> bool:
    """RFC 1950: the method, deflate, and a multiple of 31."""
    return content[:1] != b"" and content[0] & 15 == 8 and int.from_bytes(content[:2]) % 31 == 0


def _cut_mark(content: bytes) -> bytes:
    """A body without a byte order mark; raises `BadBody` for one in UTF-16 or UTF-32, every ASCII
    character of which has a zero byte."""
    if content[:1] in b"{" and content[1:2] != b"\0":
        return content
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:4]:
        raise BadBody(None, "The body is in UTF-16 or UTF-32: send UTF-8.")
    return content.removeprefix(codecs.BOM_UTF8)


def get_key(headers: Mapping[str, str]) -> str | None:
    """Return the key of the caller; None without one.

    >>> get_key({"authorization": "Bearer plk_1"})
    'plk_1'
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def check_content_type(content_type: str | None) -> None:
    """Raise `WrongContentType` if a body declares another type than JSON, or other characters than
    UTF-8.

    >>> check_content_type('Application/JSON; charset="utf-8"')
    """
    if content_type is None or content_type == JSON:
        return
    given, _, options = content_type.partition(";")
    given = given.strip().lower() or JSON
    if given != JSON and not given.endswith("+json"):
        raise WrongContentType(f"The body is '{given[:100]}': send Content-Type: {JSON}.")
    named = _CHARSET.search(options)
    if named and named[1].strip().lower() not in _UTF_8:
        raise WrongContentType(f"The body is in '{named[1][:100]}': send UTF-8.")
