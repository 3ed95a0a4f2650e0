"""Reading requests: headers, and a body that is refused as soon as it is known to be wrong."""

from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from core.web.answers import JSON
from core.web.refusals import BodyTooLarge, WrongContentType

_READ = {b"accept": "accept", b"authorization": "authorization"}
_READ |= {b"content-type": "content-type", b"content-length": "content-length"}


def read_headers(scope: Scope) -> dict[str, str]:
    """The headers that a route reads, by their lower-case names; of one that came twice, the last.

    >>> read_headers({"headers": [(b"host", b"a"), (b"accept", b"text/html")]})
    {'accept': 'text/html'}
    """
    given = scope["headers"]
    return {_READ[name]: value.decode("latin-1") for name, value in given if name in _READ}


async def read_body(
    headers: Mapping[str, str], receive: Receive, limit: int, media: frozenset[str]
) -> bytes:
    """The body, refused as soon as it is known to be larger than `limit` bytes or of another type
    than `media`. Raises `ClientDisconnect` where the caller leaves before its end."""
    check_content_type(headers.get("content-type"), media)
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
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def get_key(headers: Mapping[str, str]) -> str | None:
    """The key of the caller, None without one.

    >>> get_key({"authorization": "Bearer plk_1"})
    'plk_1'
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def get_media(content_type: str | None) -> str:
    """The media type that a body says it is, JSON where it says nothing.

    >>> get_media("Application/JSON; charset=utf-8")
    'application/json'
    """
    return (content_type or JSON).partition(";")[0].strip().lower()


def accepts(headers: Mapping[str, str], media: str) -> bool:
    """Whether the caller asks for an answer in this media type, by its name.

    >>> accepts({"accept": "text/html, application/json;q=0.9"}, "application/json")
    True
    >>> accepts({"accept": "*/*"}, "application/json")
    False
    """
    return any(get_media(one) == media for one in headers.get("accept", "").split(","))


def check_content_type(content_type: str | None, media: frozenset[str] = frozenset({JSON})) -> None:
    """Raise `WrongContentType` for a body that says it is something else than it may be.

    >>> check_content_type("application/json; charset=utf-8")
    """
    given = get_media(content_type)
    if given not in media and not given.endswith("+json"):
        wanted = " or ".join(sorted(media))
        raise WrongContentType(f"The body is '{given}': send Content-Type: {wanted}.")
