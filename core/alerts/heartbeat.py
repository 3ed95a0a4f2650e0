"""The dead man's switch: a sign of life at an outside address, which calls when it stays away."""

import httpx

from core.errors import Unavailable

_SECONDS = 10.0


def send_heartbeat(address: str) -> None:
    """Say that watching works; raises `Unavailable` where the address does not take it."""
    try:
        httpx.get(address, timeout=_SECONDS, follow_redirects=False).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(
            "The address of PLUMBLINE_HEARTBEAT_URL did not take the heartbeat "
            f"({_describe(error)}): check it, or it will call somebody although all is well."
        ) from None  # httpx quotes the address, whose path is its secret


def _describe(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered {error.response.status_code}"
    return type(error).__name__
