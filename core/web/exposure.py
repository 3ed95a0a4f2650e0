"""Exposure: no server answers beyond this machine without a login and API keys, and no page of
another site reaches one through somebody's browser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from core.bootstrap import App
from core.domain.installation import ApiKey
from core.errors import Refused
from core.settings import Settings, has_login
from core.store.installation import api_keys
from plumbline.program import name_command

_LOCAL_NAME = "localhost"
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""The headers that a proxy adds to a request."""


class UntrustedRequest(Refused):
    """A request by a host name, from a page or from an address that is not allowed."""


@dataclass(frozen=True, slots=True)
class TrustedHosts:
    """The host names by which callers may address a server. A page of another site can let its own
    name resolve to this machine (DNS rebinding), but the browser still sends that name."""

    names: frozenset[str]  # lower case, without a port
    any_address: bool  # every IP address is allowed: DNS rebinding needs a name
    public_origin: str  # scheme, name and port of the dashboard for people; empty for none

    def check_host(self, host: str | None) -> None:
        """Raise `UntrustedRequest` if a Host header has none of these names.

        >>> TrustedHosts(frozenset(), False, "").check_host("127.0.0.1:8000")
        """
        name = _cut_port(host)
        if name is None or name in self.names or is_loopback(name):
            return
        if self.any_address and _is_address(name):
            return
        raise UntrustedRequest(
            f"This server is not called '{name[:100]}': use its own name, or add this one to "
            "PLUMBLINE_ALLOWED_HOSTS."
        )

    def check_origin(self, origin: str | None, host: str | None, scheme: str = "") -> None:
        """Raise `UntrustedRequest` if a page of another site sends the request. The page's own site
        has the same host and, where it is given, the same scheme as the request.

        >>> TrustedHosts(frozenset(), False, "").check_origin("http://a.example", "a.example")
        """
        if origin is None or (self.public_origin and origin.lower() == self.public_origin):
            return
        schemes = (scheme,) if scheme else ("http", "https")
        if not host or origin.lower() not in [f"{one}://{host}".lower() for one in schemes]:
            raise UntrustedRequest(
                "Pages of other sites may not call this server: call it from a program, or from "
                "its own pages."
            )


def build_trusted_hosts(settings: Settings) -> TrustedHosts:
    """Return the host names of the settings: the listening address, the public address and the
    added names."""
    public = urlsplit(settings.public_url)
    names = (settings.host, public.hostname or "", *settings.allowed_hosts)
    return TrustedHosts(
        names=frozenset(name.strip("[]").lower() for name in names if name),
        any_address=settings.host in ("0.0.0.0", "::"),
        public_origin=f"{public.scheme}://{public.netloc}".lower() if public.netloc else "",
    )


def check_direct(peer: str | None, headers: Mapping[str, str]) -> None:
    """Raise `UntrustedRequest` if a request comes from another machine, by the peer's address or
    the headers of a proxy. Without a login or a key, only this machine is answered.

    >>> check_direct("127.0.0.1", {})
    """
    if peer is None or not is_loopback(peer):
        raise UntrustedRequest(
            "Without a login or an API key, only this machine is answered: set up [auth] for the "
            f"dashboard, or make a key with `{name_command('keys create NAME --scope predict')}`."
        )
    for name in FORWARDED:
        if name in headers:
            raise UntrustedRequest(
                f"A proxy passed this request on ({name}), and everyone may call: set "
                "PLUMBLINE_PROXY=on, a login and an API key first."
            )


def needs_guard(settings: Settings) -> bool:
    """Return True if other machines can reach the servers, by the listening address or through a
    proxy."""
    return bool(settings.proxy) or not is_loopback(settings.host)


def find_risk(settings: Settings) -> str:
    """Return a sentence about what is not safe in how the servers are reached; empty if nothing is.

    >>> from core.settings import parse_settings
    >>> find_risk(parse_settings({}))
    ''
    """
    if not needs_guard(settings) or settings.proxy or settings.tls_certificate:
        return ""
    return (
        f"PLUMBLINE_HOST is {settings.host}, and keys and sessions go over the network as plain "
        "text: set PLUMBLINE_TLS_CERTIFICATE and PLUMBLINE_TLS_KEY, or put a proxy with HTTPS in "
        "front and set PLUMBLINE_PROXY=on."
    )


def check_exposure(settings: Settings, login: bool, keys: Sequence[ApiKey]) -> None:
    """Raise `Refused`, with the setting to change, if other machines can reach the servers and the
    dashboard has no login or the API has no key."""
    if not needs_guard(settings):
        return
    missing = []
    if not (login and settings.allowed_emails):
        missing.append("a login ([auth] in .streamlit/secrets.toml and PLUMBLINE_ALLOWED_EMAILS)")
    if not any(key.revoked_at is None for key in keys):
        missing.append(f"an API key (`{name_command('keys create NAME --scope predict')}`)")
    if missing:
        reached = (
            "PLUMBLINE_PROXY is on, so that others can reach the servers"
            if settings.proxy
            else f"PLUMBLINE_HOST is {settings.host}, which others can reach"
        )
        back = "switch it off" if settings.proxy else "listen on 127.0.0.1"
        raise Refused(f"{reached}: set up {' and '.join(missing)} first, or {back}.")


def check_app_exposure(app: App, folder: Path) -> None:
    """Call `check_exposure` for an app whose secrets are in `folder`."""
    with app.db.read() as conn:
        keys = api_keys.load_keys(conn)
    check_exposure(app.settings, has_login(folder), keys)


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == _LOCAL_NAME:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _cut_port(host: str | None) -> str | None:
    """Return the name or address of a Host header in lower case, without its port; None if it is
    malformed."""
    if host is None:
        return None
    name = host.strip().lower()
    if name.startswith("["):  # an IPv6 address
        inside, _, rest = name[1:].partition("]")
        return inside if not rest or rest.startswith(":") else name
    return name.rpartition(":")[0] if name.count(":") == 1 else name


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
