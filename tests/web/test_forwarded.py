"""What a proxy says of a request: believed from its address, and from nobody else's."""

from typing import Any

import pytest

from core.settings import parse_settings
from core.web.forwarded import Front, build_front

ON = build_front(parse_settings({"PLUMBLINE_PROXY": "on"}))
CHAIN = build_front(parse_settings({"PLUMBLINE_PROXY": "127.0.0.1, 10.0.0.0/8"}))
SAID = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "ops.example.org",
}


def resolve(
    front: Front, peer: str | None, *headers: tuple[str, str], kind: str = "http", host: str = "in"
) -> tuple[Any, str, list[str], list[str]]:
    """The sender, the scheme, the hosts of the request, and the further names to trust."""
    given = [("host", host), *headers]
    scope: dict[str, Any] = {
        "type": kind,
        "client": peer and (peer, 4711),
        "scheme": "http" if kind == "http" else "ws",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given],
    }
    names = list(front.resolve(scope))
    hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
    client = scope["client"]
    return client and client[0], scope["scheme"], hosts, names


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.0.0.9"])
def test_a_proxy_says_who_sent_a_request_how_and_by_which_name(peer: str) -> None:
    found = resolve(ON, peer, *SAID.items())
    assert found == ("203.0.113.9", "https", ["ops.example.org"], ["in"])


@pytest.mark.parametrize(
    ("front", "peer"),
    [(ON, "203.0.113.7"), (ON, "10.0.0.7"), (ON, None), (ON, "unix"), (Front(), "127.0.0.1")],
)
@pytest.mark.parametrize(
    "headers", [list(SAID.items()), [("Forwarded", "for=1.1.1.1;host=evil;proto=https")]]
)
def test_nobody_else_says_anything(
    front: Front, peer: str | None, headers: list[tuple[str, str]]
) -> None:
    assert resolve(front, peer, *headers) == (peer, "http", ["in"], [])


@pytest.mark.parametrize(
    ("said", "sender"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("127.0.0.1, 203.0.113.9", "203.0.113.9"),  # the first is what the sender made up
        ("198.51.100.1, 203.0.113.9, 10.0.0.3", "203.0.113.9"),
        ("10.0.0.4, 10.0.0.3", "10.0.0.4"),  # a proxy's machine itself calls
        ("203.0.113.9:5555", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", None),
        ("\x1b[31mroot", None),
        ("203.0.113.9, localhost", None),
        (", ,", "127.0.0.1"),
    ],
)
def test_the_sender_is_the_last_address_that_is_no_proxys(said: str, sender: str | None) -> None:
    assert resolve(CHAIN, "127.0.0.1", ("X-Forwarded-For", said))[0] == sender


def test_a_header_that_comes_twice_is_one_list() -> None:
    twice = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "203.0.113.9")]
    assert resolve(ON, "127.0.0.1", *twice)[0] == "203.0.113.9"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("for=203.0.113.9;proto=https;host=a.b", ("203.0.113.9", "https", ["a.b"], ["in"])),
        ('For="[2001:db8::1]:47";PROTO=HTTPS', ("2001:db8::1", "https", ["in"], [])),
        ("for=1.1.1.1, for=203.0.113.9", ("203.0.113.9", "http", ["in"], [])),
        ('host="a.b:8443", host=c', ("127.0.0.1", "http", ["a.b:8443"], ["in", "c"])),
        ("for=_hidden", (None, "http", ["in"], [])),
        ("by=10.0.0.1;secret=x", ("127.0.0.1", "http", ["in"], [])),
    ],
)
def test_forwarded_says_the_same_in_one_header(said: str, found: object) -> None:
    assert resolve(ON, "127.0.0.1", ("Forwarded", said)) == found


def test_forwarded_counts_for_nothing_beside_the_other_headers() -> None:
    headers = [("Forwarded", "for=1.1.1.1;host=evil"), ("X-Forwarded-For", "203.0.113.9")]
    assert resolve(ON, "127.0.0.1", *headers) == ("203.0.113.9", "http", ["in"], [])


@pytest.mark.parametrize("proto", ["", "ftp", "javascript"])
def test_a_scheme_that_is_none_changes_nothing(proto: str) -> None:
    assert resolve(ON, "::1", ("X-Forwarded-Proto", proto))[1] == "http"


def test_a_websocket_by_https_is_a_secure_one() -> None:
    assert resolve(ON, "::1", ("X-Forwarded-Proto", "https"), kind="websocket")[1] == "wss"


@pytest.mark.parametrize(
    ("public_url", "path", "below", "whole"),
    [
        ("https://a.example/plumbline", "/plumbline/docs", "/docs", "/plumbline/docs"),
        ("https://a.example/plumbline/", "/docs", "/docs", "/plumbline/docs"),  # was cut off
        ("https://a.example/plumbline", "/plumbline", "/", "/plumbline"),
        ("https://a.example/plumbline", "/plumbline/", "/", "/plumbline/"),
        ("https://a.example/in", "/in2/x", "/in2/x", "/in/in2/x"),
        ("https://a.example/plumbline", "//evil.example/", "//evil.example/", "//evil.example/"),
        ("https://a.example/a/b", "/a/b/v1", "/v1", "/a/b/v1"),
        ("https://a.example", "/docs", "/docs", "/docs"),
        ("", "/", "/", "/"),
    ],
)
def test_a_path_is_the_same_whether_the_proxy_cuts_the_root_off_or_not(
    public_url: str, path: str, below: str, whole: str
) -> None:
    front = build_front(parse_settings({"PLUMBLINE_PUBLIC_URL": public_url}))
    scope: dict[str, Any] = {"path": path, "root_path": ""}
    assert (front.place(scope), scope["path"]) == (below, whole)


def test_the_root_path_of_the_server_itself_goes_first() -> None:
    scope: dict[str, Any] = {"path": "/by-hand/docs", "root_path": "/by-hand"}
    assert (Front(root_path="/plumbline").place(scope), scope["root_path"]) == ("/docs", "/by-hand")
