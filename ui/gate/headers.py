"""The security headers of every answer of the dashboard."""

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders

_HSTS = "max-age=31536000"
_FIXED = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would take the Origin off our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",  # Streamlit writes its styles as it runs
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "connect-src": "'self'",  # its own websocket is of the same origin
    "worker-src": "'self' blob:",
    "frame-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def build_headers(index_page: str, *, secure: bool) -> dict[str, str]:
    """Return the headers by name for a dashboard whose page is `index_page`: the scripts inside it
    are allowed by their hash, and no others. With `secure`, browsers are told to come by HTTPS
    only, for a year."""
    scripts = re.findall(r"<script>(.*?)</script>", index_page, re.DOTALL)
    policy = dict(_POLICY)
    policy["script-src"] = " ".join([policy["script-src"], *map(hash_source, scripts)])
    return {
        "Content-Security-Policy": join_policy(policy.items()),
        **_FIXED,
        **({"Strict-Transport-Security": _HSTS} if secure else {}),
    }


def join_policy(directives: Iterable[tuple[str, str]]) -> str:
    """Return a Content-Security-Policy as its header has it.

    >>> join_policy([("default-src", "'none'"), ("img-src", "data:")])
    "default-src 'none'; img-src data:"
    """
    return "; ".join(f"{name} {sources}" for name, sources in directives)


def hash_source(text: str) -> str:
    """Return how a policy names one script or style by what is in it."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def put_headers(
    headers: MutableHeaders, wanted: dict[str, str], root_path: str, *, secure: bool
) -> None:
    """Put the wanted headers into an answer, whose own policy stays where it has one. Its cookies
    are sent to nothing that is not below the `root_path`, and with `secure` by HTTPS only."""
    for name, value in wanted.items():
        if name != "Content-Security-Policy" or name not in headers:
            headers[name] = value
    cookies = headers.getlist("set-cookie")
    del headers["set-cookie"]
    for cookie in cookies:
        headers.append("set-cookie", _mark_cookie(cookie, root_path, secure=secure))


def _mark_cookie(cookie: str, root_path: str, *, secure: bool) -> str:
    pair, *parts = cookie.split(";")
    if root_path:
        parts = [part for part in parts if not part.strip().lower().startswith("path=")]
        parts.append(f" Path={root_path}")
    if secure and not any(part.strip().lower() == "secure" for part in parts):
        parts.append(" Secure")
    return ";".join([pair, *parts])
