"""The headers of every answer."""

import hashlib
from base64 import b64encode

import pytest
from starlette.datastructures import MutableHeaders

from ui.gate.headers import build_headers, put_headers

INDEX = "<html><script>\n  window.a = 1\n</script><script src='x.js'></script></html>"


def test_the_page_s_own_script_is_allowed_by_its_hash_and_no_other() -> None:
    policy = build_headers(INDEX, secure=False)["Content-Security-Policy"]
    [scripts] = [part for part in policy.split("; ") if part.startswith("script-src")]
    digest = b64encode(hashlib.sha256(b"\n  window.a = 1\n").digest()).decode()
    assert scripts == f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}'"


def test_https_is_asked_for_only_where_there_is_https() -> None:
    assert "Strict-Transport-Security" not in build_headers(INDEX, secure=False)
    assert build_headers(INDEX, secure=True)["Strict-Transport-Security"] == "max-age=31536000"


def test_an_answer_keeps_its_own_policy_and_nothing_else_of_ours() -> None:
    headers = MutableHeaders({"Content-Security-Policy": "sandbox", "X-Frame-Options": "ALLOW"})
    put_headers(headers, build_headers(INDEX, secure=False), "", secure=False)
    assert headers["content-security-policy"] == "sandbox"
    assert headers["x-frame-options"] == "DENY"


def test_cookies_are_marked_once_by_https_and_left_alone_without() -> None:
    headers = MutableHeaders(raw=[(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2; secure")])
    put_headers(headers, {}, "", secure=False)
    assert headers.getlist("set-cookie") == ["a=1; Path=/", "b=2; secure"]
    put_headers(headers, {}, "", secure=True)
    assert headers.getlist("set-cookie") == ["a=1; Path=/; Secure", "b=2; secure"]


@pytest.mark.parametrize(
    ("cookie", "sent"),
    [
        ("a=1", "a=1; Path=/plumbline; Secure"),
        ("a=1; Path=/; HttpOnly", "a=1; HttpOnly; Path=/plumbline; Secure"),
        ("a=path=/; path=/x;secure", "a=path=/;secure; Path=/plumbline"),
    ],
)
def test_below_a_path_cookies_go_to_nothing_beside_it(cookie: str, sent: str) -> None:
    headers = MutableHeaders(raw=[(b"set-cookie", cookie.encode())])
    put_headers(headers, {}, "/plumbline", secure=True)
    assert headers.getlist("set-cookie") == [sent]
