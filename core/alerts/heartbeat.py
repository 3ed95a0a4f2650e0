"""The dead man's switch: a sign of life at an outside address, which calls when it stays away."""

import httpx

from core.errors import Unavailable

_SECONDS = 10.0


def send_heartbeat(address: str) -> None:
    """Say that watching works; raises `Unavailable` where the address does not take it."""
    try:
        httpx.get(address, timeout=_SECONDS, follow_redirects=True).raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(
            f"The address of PLUMBLINE_HEARTBEAT_URL did not take the heartbeat ({error}): check "
            "it, or it will call somebody although all is well."
        ) from error
