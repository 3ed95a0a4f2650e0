"""The rules of who may reach the servers: nothing answers beyond this machine without a login and
API keys, and no page of another site reaches them through somebody's browser."""

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
"""The headers by which a proxy says that it passed a request on."""


class UntrustedRequest(Refused):
    """A request that came by a name, from a page or on a way that is not allowed."""


@dataclass(frozen=True, slots=True)
class TrustedHosts:
    """The names by which callers may address a server. A page of another site can give its own
    name this machine's address (DNS rebinding), but it cannot change the name."""

    names: frozenset[str]  # lower case, without a port
    any_address: bool  # every IP address is taken, since no name can stand for one
    public_origin: str  # scheme, name and port as people reach the dashboard; empty for none

    def check_host(self, host: str | None) -> None:
        """Raise `UntrustedRequest` for a Host header that names none of them.

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
        """Raise `UntrustedRequest` where a page of another site sends the request. A page's own
        site has the host and, where it is given, the scheme of the request.

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
    """The names of these settings: the addresses listened on, the public one, and those added."""
    public = urlsplit(settings.public_url)
    names = (settings.host, public.hostname or "", *settings.allowed_hosts)
    return TrustedHosts(
        names=frozenset(name.strip("[]").lower() for name in names if name),
        any_address=settings.host in ("0.0.0.0", "::"),
        public_origin=f"{public.scheme}://{public.netloc}".lower() if public.netloc else "",
    )


def check_direct(peer: str | None, headers: Mapping[str, str]) -> None:
    """Raise `UntrustedRequest` for a request from another machine, by a peer's address or by what
    a proxy says of it: without a login or a key, only this machine is answered.

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
    """Whether others can reach the servers: by the address, or through a proxy."""
    return settings.proxy or not is_loopback(settings.host)


def find_risk(settings: Settings) -> str:
    """What is not safe about how others reach the servers, as a sentence; empty for nothing.

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
    """Raise `Refused`, with what to set, where others can reach the servers and the dashboard has
    no login or the API no key."""
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
    """`check_exposure` for an app whose secrets are in `folder`."""
    with app.db.read() as conn:
        keys = api_keys.load_keys(conn)
    check_exposure(app.settings, has_login(folder), keys)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

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
    """The name or address of a Host header in lower case."""
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
