"""The guard of the API: what a request has to be before anything looks at it, however the server
was started."""

from collections.abc import Mapping
from ipaddress import ip_address

from starlette.types import Scope

from core.serving.keys import KeyRing
from core.web.exposure import FORWARDED, TrustedHosts, UntrustedRequest, check_direct

_MAX_KNOWN = 256
_BY_PROXY = frozenset(name.encode() for name in FORWARDED)
_NAMED = (b"host", b"origin")
_UNKNOWN_PEER = "unknown"
_FORWARDED_PEER = "forwarded"


class Guard:
    """Refuses requests by another name, of another site's page and, while no key was ever made,
    from another machine."""

    def __init__(self, hosts: TrustedHosts, keys: KeyRing, *, proxy: bool) -> None:
        self._hosts = hosts
        self._keys = keys
        self._proxy = proxy
        # what was checked and is trusted: checking costs a small answer a twentieth of its time
        self._known: set[tuple[bytes | None, bytes | None, str]] = set()
        self._known_peers: set[str] = set()

    def check(self, scope: Scope) -> None:
        """Raise `UntrustedRequest` for an HTTP request that may not be answered. No route is an
        exception, and so /healthz is none: what checks it from elsewhere needs a key to exist."""
        given = scope["headers"]
        headers = dict(given)
        if len(headers) < len(given):
            _check_single(given)
        names = headers.get(b"host"), headers.get(b"origin"), scope["scheme"]
        if names not in self._known:
            self._check_names(*names)
        if self._keys.is_open:
            client = scope.get("client")
            peer = client[0] if client else None
            if peer not in self._known_peers or not _BY_PROXY.isdisjoint(headers):
                self._check_direct(peer, headers)

    def name_peer(self, scope: Scope) -> str:
        """The address that a request comes from, for counting. Where no proxy is set up, all that
        say whom they were forwarded for are one: whoever sends that can say what they like."""
        if not self._proxy and any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
            return _FORWARDED_PEER
        client = scope.get("client")
        try:
            return str(ip_address(client[0])) if client else _UNKNOWN_PEER
        except ValueError:  # a proxy passed on what a caller said
            return _UNKNOWN_PEER

    def _check_direct(self, peer: str | None, headers: Mapping[bytes, bytes]) -> None:
        check_direct(peer, {name.decode("latin-1"): "" for name in headers})
        if peer is not None and len(self._known_peers) < _MAX_KNOWN:
            self._known_peers.add(peer)

    def _check_names(self, host: bytes | None, origin: bytes | None, scheme: str) -> None:
        name = None if host is None else host.decode("latin-1")
        self._hosts.check_host(name)
        self._hosts.check_origin(None if origin is None else origin.decode("latin-1"), name, scheme)
        if len(self._known) == _MAX_KNOWN:  # where every address is a name, there are many
            self._known.clear()
        self._known.add((host, origin, scheme))


def _check_single(given: list[tuple[bytes, bytes]]) -> None:
    """Refuse a request with two hosts or two origins: who reads the other one is deceived."""
    names = [name for name, _ in given]
    for name in _NAMED:
        if names.count(name) > 1:
            raise UntrustedRequest(f"The header {name.decode().title()} came twice: send one.")
