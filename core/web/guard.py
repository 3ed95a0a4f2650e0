"""The guard of the API: the checks of a request's origin, before any route reads it."""

from collections.abc import Mapping
from ipaddress import ip_address

from starlette.types import Scope

from core.serving.keys import KeyRing
from core.web.exposure import FORWARDED, TrustedHosts, UntrustedRequest, check_direct
from core.web.forwarded import Front

_MAX_KNOWN = 256
_BY_PROXY = frozenset(name.encode() for name in FORWARDED)
_NAMED = (b"host", b"origin")
_UNKNOWN_PEER = "unknown"
_FORWARDED_PEER = "forwarded"


class Guard:
    """Refuses requests that name another host, that a page of another site sends or, while no key
    exists, that come from another machine."""

    def __init__(self, hosts: TrustedHosts, keys: KeyRing, front: Front) -> None:
        self._hosts = hosts
        self._keys = keys
        self.front = front
        # trusted (host, origin, scheme): checking costs a small answer a twentieth of its time
        self._known: set[tuple[bytes | None, bytes | None, str]] = set()
        self._known_peers: set[str] = set()

    def check(self, scope: Scope) -> None:
        """Raise `UntrustedRequest` for an HTTP request that may not be answered, and make the scope
        of one that a proxy passed on the one of its sender. Every route is checked, /healthz too:
        to probe it from another machine, a key has to exist."""
        for name in self.front.resolve(scope):
            self._hosts.check_host(name)
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
        """Return the address that a request is counted under. Without a configured proxy, all
        requests with forwarding headers share one, since their sender can write any address
        there."""
        given = scope["headers"]
        if not self.front.proxies and any(name == b"x-forwarded-for" for name, _ in given):
            return _FORWARDED_PEER
        client = scope.get("client")
        try:
            return str(ip_address(client[0])) if client else _UNKNOWN_PEER
        except ValueError:  # a caller wrote the header
            return _UNKNOWN_PEER

    def _check_direct(self, peer: str | None, headers: Mapping[bytes, bytes]) -> None:
        check_direct(peer, {name.decode("latin-1"): "" for name in headers})
        if peer is not None and len(self._known_peers) < _MAX_KNOWN:
            self._known_peers.add(peer)

    def _check_names(self, host: bytes | None, origin: bytes | None, scheme: str) -> None:
        name = None if host is None else host.decode("latin-1")
        self._hosts.check_host(name)
        self._hosts.check_origin(None if origin is None else origin.decode("latin-1"), name, scheme)
        if len(self._known) == _MAX_KNOWN:  # IP addresses as hosts can be many
            self._known.clear()
        self._known.add((host, origin, scheme))


def _check_single(given: list[tuple[bytes, bytes]]) -> None:
    """Refuse a request with two Host or two Origin headers, since servers differ in the one that
    they read."""
    names = [name for name, _ in given]
    for name in _NAMED:
        if names.count(name) > 1:
            raise UntrustedRequest(f"The header {name.decode().title()} came twice: send one.")
