"""Answers as JSON."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

JSON = "application/json"


def json_response(
    status: int, content: object, headers: Mapping[str, str] | None = None
) -> Response:
    """A response that says this in JSON."""
    return Response(msgspec.json.encode(content), status, headers, JSON)
