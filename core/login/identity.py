"""The person behind a login provider's claims, and whether that person may come in: pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from core.errors import Refused
from core.settings import Settings

_MAX_EMAIL = 254
_MAX_GROUP = _MAX_GROUPS = 200
_MAX_PATH = 2_000
_OWN_PATHS = ("/auth/", "/oauth2callback", "/_stcore/")
_CLOCKS_APART = timedelta(minutes=2)


class LoginRefused(Refused):
    """Somebody may not come in; `why` is the short word for the log, `who` the e-mail where the
    provider said one."""

    def __init__(self, message: str, why: str, who: str = "") -> None:
        super().__init__(message)
        self.why = why
        self.who = who


def check_identity(claims: Mapping[str, object], settings: Settings) -> str:
    """Return the e-mail, in lower case, of a person who may come in; raise `LoginRefused` for
    anybody else.

    A provider at which anybody can type any e-mail says that it is not verified; only where
    `trust_unverified_email` is on may it say nothing at all."""
    email = claims.get("email")
    if not isinstance(email, str) or not _is_email(email):
        raise LoginRefused(
            "The login provider did not say who you are by e-mail: let it pass on the claim "
            "`email` (scope `email`) to this client.",
            "no_email",
        )
    verified = claims.get("email_verified")
    silent = verified is None and settings.trust_unverified_email
    if not (silent or verified is True or str(verified).lower() == "true"):
        said = "does not say whether" if verified is None else "says that"
        rest = "is verified" if verified is None else "is not verified"
        raise LoginRefused(
            f"The login provider {said} {email} {rest}: verify it there"
            + (", or set PLUMBLINE_TRUST_UNVERIFIED_EMAIL=on." if verified is None else "."),
            "email_not_verified",
            email,
        )
    if not is_allowed(email, settings):
        raise LoginRefused(
            f"{email} may not see this dashboard: ask for a place in PLUMBLINE_ALLOWED_EMAILS.",
            "not_allowed",
            email,
        )
    return email.lower()


def is_allowed(email: str, settings: Settings) -> bool:
    """Return whether a person is in the list of those who may log in."""
    known = {allowed.lower() for allowed in settings.allowed_emails}
    return email.lower() in known or find_domain(email) in known


def find_domain(email: str) -> str:
    """Return the domain of an e-mail, in lower case and with its @; nothing of another text.

    >>> find_domain("Ana@A.org"), find_domain("a.org")
    ('@a.org', '')
    """
    _, at, domain = email.lower().rpartition("@")
    return at + domain if at else ""


def read_groups(claims: Mapping[str, object]) -> tuple[str, ...]:
    """Return the groups of the claim `groups`: texts of at most 200 characters, at most 200.

    >>> read_groups({"groups": ["raters", 5]}), read_groups({})
    (('raters',), ())
    """
    groups = claims.get("groups")
    if not isinstance(groups, list):
        return ()
    texts = [group for group in groups if isinstance(group, str) and len(group) <= _MAX_GROUP]
    return tuple(texts[:_MAX_GROUPS])


def read_authentication_time(claims: Mapping[str, object], now: datetime) -> datetime:
    """Return when the provider last asked the person who they are (`auth_time`), or `now` where it
    does not say so. A time that is still to come is now.

    >>> read_authentication_time({"auth_time": 0}, datetime(2026, 3, 2, tzinfo=UTC)).year
    1970
    """
    seconds = claims.get("auth_time")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return now
    if not 0 <= seconds <= now.timestamp():
        return now
    return datetime.fromtimestamp(seconds, UTC)


def check_fresh(authenticated_at: datetime, asked_at: datetime) -> None:
    """Raise `LoginRefused` where the provider was told to ask the person again, at `asked_at`, and
    did not: clocks may be two minutes apart."""
    if authenticated_at < asked_at - _CLOCKS_APART:
        raise LoginRefused(
            "The login provider did not ask again who you are, which this step needs: log out "
            "there, then log in again.",
            "not_asked_again",
        )


def read_return_path(text: str | None, root_path: str = "") -> str:
    """Return the page of the dashboard, all of which is below the `root_path`, to go back to after
    a login; the first page for anything that could lead elsewhere.

    >>> read_return_path("/deployments?version=1"), read_return_path("//evil.example")
    ('/deployments?version=1', '/')
    """
    first = f"{root_path}/"
    if text is None or not text.startswith(first) or len(text) > _MAX_PATH:
        return first
    if text.startswith("//") or "\\" in text or not text.isprintable() or " " in text:
        return first
    try:
        parts = urlsplit(text)
    except ValueError:
        return first
    below = parts.path.removeprefix(root_path)
    if parts.scheme or parts.netloc or below.startswith(_OWN_PATHS):
        return first
    if root_path and ".." in unquote(below).split("/"):
        return first
    return text


def _is_email(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    readable = text.isascii() and text.isprintable() and not set(text) & set(" ,;<>\"'\\")
    return bool(name and at and domain) and readable and len(text) <= _MAX_EMAIL
