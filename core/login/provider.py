"""An OpenID Connect provider: where people log in and out, and the claims of who came back."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

import anyio
import httpx

from core.errors import InvalidInput, Unavailable
from core.login.identity import LoginRefused
from core.safety.masking import Secret
from core.settings import Settings
from core.web.exposure import is_loopback

DEFAULT_PROVIDER = ""
CALLBACK_PATH = "/oauth2callback"
_SCOPE = "openid email profile"
_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""What only the provider can sign with: neither `none` nor a secret that this side knows too."""
_METADATA_LASTS = timedelta(hours=1)
_LEEWAY_SECONDS = 60
_TIMEOUT_SECONDS = 15.0
_REQUIRED = ("client_id", "client_secret", "server_metadata_url")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The settings of this dashboard at the login provider."""

    name: str  # of `[auth.NAME]`; empty for `[auth]` itself
    client_id: str
    client_secret: Secret
    metadata_url: str
    redirect_uri: str
    scope: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login on its way: what a browser keeps while the person is at the provider."""

    provider: str
    state: str
    nonce: str
    verifier: str
    return_to: str
    fresh: bool  # the provider was told to ask the person again
    started: int  # in seconds since 1970


class ProviderUnavailable(Unavailable):
    """A provider that does not answer, or not as OpenID Connect says; `detail` is for the log."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "The login provider does not answer as it should: try again in a minute. "
            "Plumbline's log says more."
        )
        self.detail = detail


def read_providers(
    section: Mapping[str, object], root_path: str = ""
) -> tuple[ProviderSettings, ...]:
    """Return the providers of `[auth]` and `[auth.NAME]` as Streamlit's `st.login` reads them, for
    a dashboard below a `root_path`. Raises `InvalidInput` for what is missing."""
    parts = {name: part for name, part in section.items() if isinstance(part, Mapping)}
    parts.pop("client_kwargs", None)
    if "client_id" in section or not parts:
        parts = {DEFAULT_PROVIDER: section, **parts}
    shared = _read_text(section, "redirect_uri", "[auth]")
    path = root_path + CALLBACK_PATH
    if urlsplit(shared).path != path or not urlsplit(shared).hostname:
        raise InvalidInput(
            f"redirect_uri in [auth] is not the dashboard's address with {path}: write "
            f"https://NAME{path}, as it is registered at the provider."
        )
    return tuple(_read_provider(name, part, shared) for name, part in parts.items())


def begin_attempt(provider: str, return_to: str, *, fresh: bool, now: datetime) -> Attempt:
    """Return a new login with secrets of its own."""
    return Attempt(
        provider=provider,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        return_to=return_to,
        fresh=fresh,
        started=int(now.timestamp()),
    )


class Provider:
    """One provider; it is asked for its addresses and keys when somebody logs in."""

    def __init__(
        self,
        settings: ProviderSettings,
        now: Callable[[], datetime],
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self.settings = settings
        self._now = now
        self._timeout = timeout_seconds
        self._metadata: tuple[datetime, dict[str, object]] | None = None

    async def fetch_address(self, attempt: Attempt) -> str:
        """Return where to send the person. Raises `ProviderUnavailable`."""
        async with _Exchange(self._timeout) as exchange:
            metadata = await self._fetch_metadata(exchange)
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "scope": self.settings.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if attempt.fresh else {}),
        }
        return _add_query(_get_text(metadata, "authorization_endpoint"), query)

    async def fetch_logout_address(self, return_to: str) -> str | None:
        """Return where the person ends the provider's own session and comes back from, None where
        the provider has no such address. Raises `ProviderUnavailable`.

        See OpenID Connect RP-Initiated Logout 1.0. The ID token of the login is not kept, so the
        provider may ask the person whether they mean it."""
        async with _Exchange(self._timeout) as exchange:
            metadata = await self._fetch_metadata(exchange)
        address = metadata.get("end_session_endpoint")
        if not isinstance(address, str) or not is_safe_address(address):
            return None
        query = {"client_id": self.settings.client_id, "post_logout_redirect_uri": return_to}
        return _add_query(address, query)

    async def fetch_claims(self, attempt: Attempt, code: str) -> Mapping[str, object]:
        """Return what the provider says, signed, of the person who came back with a code. Raises
        `ProviderUnavailable`, and `LoginRefused` for what is not signed by it, for this dashboard,
        for this attempt, and now."""
        async with _Exchange(self._timeout) as exchange:
            metadata = await self._fetch_metadata(exchange)
            token = await self._fetch_token(exchange, metadata, attempt, code)
            keys = await exchange.fetch("GET", _get_text(metadata, "jwks_uri"))
        return self._check_token(token, metadata, keys, attempt)

    def _check_token(
        self,
        token: Mapping[str, object],
        metadata: Mapping[str, object],
        keys: Mapping[str, object],
        attempt: Attempt,
    ) -> Mapping[str, object]:
        # Not at the top: half a second of cryptography that only the end of a login needs.
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
        from joserfc.jws import JWSRegistry

        offered = metadata.get("id_token_signing_alg_values_supported")
        offered = offered if isinstance(offered, list) else []
        algorithms = [name for name in _ALGORITHMS if name in offered] or ["RS256"]
        client_id, issuer = self.settings.client_id, _get_text(metadata, "issuer")
        try:
            decoded = jwt.decode(
                str(token["id_token"]),
                key=KeySet.import_key_set(keys),  # type: ignore[arg-type]  # its errors are caught
                registry=JWSRegistry(algorithms=algorithms, strict_check_header=False),
            )
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": issuer},
                    "aud": {"essential": True, "value": client_id},
                },
                {
                    "nonce": attempt.nonce,
                    "client_id": client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(self._now().timestamp()), leeway=_LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise LoginRefused(
                "The login provider's answer is not valid for this login: begin again from the "
                "dashboard.",
                f"id_token: {type(error).__name__}: {error}",
            ) from error
        return dict(claims)

    async def _fetch_metadata(self, exchange: "_Exchange") -> dict[str, object]:
        now = self._now()
        if self._metadata is None or now - self._metadata[0] >= _METADATA_LASTS:
            self._metadata = (now, await exchange.fetch("GET", self.settings.metadata_url))
        return self._metadata[1]

    async def _fetch_token(
        self, exchange: "_Exchange", metadata: dict[str, object], attempt: Attempt, code: str
    ) -> dict[str, object]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        pair = (self.settings.client_id, self.settings.client_secret.reveal())
        methods = metadata.get("token_endpoint_auth_methods_supported")
        in_header = not isinstance(methods, list) or "client_secret_basic" in methods
        if not in_header:
            form |= dict(zip(("client_id", "client_secret"), pair, strict=True))
        address = _get_text(metadata, "token_endpoint")
        return await exchange.fetch("POST", address, form=form, pair=pair if in_header else None)


class _Exchange:
    """Some requests to a provider, which take no longer together than a time-out."""

    def __init__(self, timeout_seconds: float) -> None:
        self._client = httpx.AsyncClient(timeout=timeout_seconds)
        self._timeout = timeout_seconds

    async def __aenter__(self) -> "_Exchange":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def fetch(
        self,
        method: str,
        address: str,
        form: Mapping[str, str] | None = None,
        pair: tuple[str, str] | None = None,
    ) -> dict[str, object]:
        """Return the JSON object that an address answers with."""
        auth = None if pair is None else httpx.BasicAuth(*pair)
        try:
            with anyio.fail_after(self._timeout):
                answer = await self._client.request(method, address, data=form, auth=auth)
            found = answer.json() if answer.is_success else None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError) as error:
            raise ProviderUnavailable(f"{_place(address)}: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise ProviderUnavailable(f"{_place(address)} answered {answer.status_code}")
        return found


def has_secure_address(settings: Settings, providers: Sequence[ProviderSettings] = ()) -> bool:
    """Return whether browsers reach the dashboard by HTTPS: from here, or through a proxy."""
    addresses = (settings.public_url, *(one.redirect_uri for one in providers))
    return settings.tls_certificate is not None or any(
        urlsplit(address).scheme == "https" for address in addresses
    )


def is_safe_address(address: str) -> bool:
    """Return whether nobody on the way to an address can read or change what is said.

    >>> is_safe_address("https://id.example.org/"), is_safe_address("http://id.example.org/")
    (True, False)
    """
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def _read_provider(name: str, part: Mapping[str, object], redirect_uri: str) -> ProviderSettings:
    where = f"[auth.{name}]" if name else "[auth]"
    client_id, client_secret, metadata_url = (_read_text(part, key, where) for key in _REQUIRED)
    if not is_safe_address(metadata_url):
        raise InvalidInput(
            f"server_metadata_url in {where} is not an https:// address, so that anybody on the "
            "way could say who logs in: use the provider's https:// address."
        )
    options = part.get("client_kwargs")
    scope = options.get("scope") if isinstance(options, Mapping) else None
    return ProviderSettings(
        name=name,
        client_id=client_id,
        client_secret=Secret(client_secret),
        metadata_url=metadata_url,
        redirect_uri=redirect_uri,
        scope=str(scope or _SCOPE),
    )


def _read_text(part: Mapping[str, object], key: str, where: str) -> str:
    value = part.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{where} in .streamlit/secrets.toml has no {key}: add it.")
    return value


def _get_text(metadata: Mapping[str, object], key: str) -> str:
    value = metadata.get(key)
    if not isinstance(value, str):
        raise ProviderUnavailable(f"the metadata has no {key}")
    return value


def _add_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _place(address: str) -> str:
    """An address without its query, for the log."""
    return address.partition("?")[0]
