"""The requests that reverse proxies pass on: who sent them, by which name, and below which path. A
proxy is believed, and nobody else."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from starlette.types import Scope

from core.settings import Settings

_SEPARATE = {b"x-forwarded-for": "for", b"x-forwarded-proto": "proto", b"x-forwarded-host": "host"}
_PAIR = re.compile(r'(?i)\b(for|proto|host)=("(?:[^"\\]|\\.)*"|[^;,\s"]*)')
_SCHEMES = ("http", "https")

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Front:
    """The proxies in front of a server, and the path below which they show it."""

    proxies: tuple[Network, ...] = ()
    root_path: str = ""  # such as /plumbline; empty for none

    def resolve(self, scope: Scope) -> Sequence[str]:
        """Make the scope of a request that a proxy passed on the one of its sender: client, scheme
        and host. Return the further names by which it came; each has to be a trusted one.

        `X-Forwarded-For`, `-Proto` and `-Host` count; where there is none of them, `Forwarded` (RFC
        7239) does. Of several addresses the sender's is the last one that is no proxy's: what
        stands before it is only what the sender said."""
        client = scope.get("client")
        if not self.proxies or client is None or not _is_in(client[0], self.proxies):
            return ()
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        said = _read_forwarded(headers)
        if senders := [_cut_port(one) for one in said["for"]]:
            outside = (one for one in reversed(senders) if not _is_in(one, self.proxies))
            sender = next(outside, senders[0])
            scope["client"] = (sender, 0) if _read_address(sender) is not None else None
        if said["proto"] and (scheme := said["proto"][0].lower()) in _SCHEMES:
            is_socket = scope["type"] == "websocket"
            scope["scheme"] = scheme.replace("http", "ws") if is_socket else scheme
        if not said["host"]:
            return ()
        host, *others = said["host"]
        own = [value.decode("latin-1") for name, value in headers if name == b"host"]
        scope["headers"] = [pair for pair in headers if pair[0] != b"host"]
        scope["headers"].append((b"host", host.encode("latin-1")))
        return (*own, *others)

    def place(self, scope: Scope) -> str:
        """Set a scope's path and `root_path` as ASGI has them, whether the proxy passed the whole
        path on or cut the root off. Return the path below the root, which begins with a slash.

        >>> scope = {"path": "/plumbline/docs"}
        >>> Front(root_path="/plumbline").place(scope), scope["root_path"]
        ('/docs', '/plumbline')
        """
        path: str = scope["path"]
        root: str = scope.get("root_path") or self.root_path
        scope["root_path"] = root
        if path == root:
            return "/"
        if path.startswith(f"{root}/"):
            return path[len(root) :]
        if not path.startswith("//"):  # which no root makes harmless
            scope["path"] = root + path
        return path


DIRECT = Front()
"""No proxy, and no path."""


def build_front(settings: Settings) -> Front:
    """Return the front of these settings: the root path is the one of the public address.

    >>> from core.settings import parse_settings
    >>> build_front(parse_settings({"PLUMBLINE_PUBLIC_URL": "https://a.example/b/"})).root_path
    '/b'
    """
    return Front(tuple(map(ip_network, settings.proxy)), read_root_path(settings.public_url))


def read_root_path(public_url: str) -> str:
    """Return the path of a public address without a slash at its end; empty for none.

    >>> read_root_path("https://a.example/plumbline/"), read_root_path("https://a.example")
    ('/plumbline', '')
    """
    return unquote(urlsplit(public_url).path).rstrip("/")


def _read_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    """Return the values of for, proto and host, in their order."""
    said: dict[str, list[str]] = {"for": [], "proto": [], "host": []}
    together = ""
    for name, value in headers:
        if name in _SEPARATE:
            texts = value.decode("latin-1").split(",")
            said[_SEPARATE[name]] += [text.strip() for text in texts if text.strip()]
        elif name == b"forwarded":
            together += f",{value.decode('latin-1')}"
    if not any(said.values()):
        for kind, text in _PAIR.findall(together):
            said[kind.lower()].append(re.sub(r"\\(.)", r"\1", text.strip('"')))
    return said


def _cut_port(text: str) -> str:
    """Return an address without a port or brackets.

    >>> _cut_port("[2001:db8::1]:443"), _cut_port("192.0.2.7:80"), _cut_port("2001:db8::1")
    ('2001:db8::1', '192.0.2.7', '2001:db8::1')
    """
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


@lru_cache(maxsize=1_024)
def _is_in(text: str, networks: tuple[Network, ...]) -> bool:
    address = _read_address(text)
    return address is not None and any(address in network for network in networks)


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
