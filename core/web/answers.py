"""Answers as JSON, and the media type of those that are not."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"


def json_response(
    status: int, content: object, headers: Mapping[str, str] | None = None
) -> Response:
    """A response that says this in JSON."""
    return Response(msgspec.json.encode(content), status, headers, JSON)
