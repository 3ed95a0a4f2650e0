"""The rule that nothing listens beyond this machine without a login and API keys."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from core.bootstrap import App
from core.domain.api_key import ApiKey
from core.errors import Refused
from core.settings import Settings, has_login
from core.store import api_keys


def check_exposure(settings: Settings, login: bool, keys: Sequence[ApiKey]) -> None:
    """Raise `Refused`, with what to set, where the address is not loopback and the dashboard has
    no login or the API no key."""
    if is_loopback(settings.host):
        return
    missing = []
    if not (login and settings.allowed_emails):
        missing.append("a login ([auth] in .streamlit/secrets.toml and PLUMBLINE_ALLOWED_EMAILS)")
    if not any(key.revoked_at is None for key in keys):
        missing.append("an API key (`python -m core keys create NAME`)")
    if missing:
        raise Refused(
            f"PLUMBLINE_HOST is {settings.host}, which others can reach: set up "
            f"{' and '.join(missing)} first, or listen on 127.0.0.1."
        )


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
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
