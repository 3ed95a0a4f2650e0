"""The provider: what it has to sign before somebody is believed, and what its silence costs."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from core.errors import InvalidInput
from core.login.identity import LoginRefused
from core.login.provider import (
    Attempt,
    Provider,
    ProviderUnavailable,
    begin_attempt,
    has_secure_address,
    read_providers,
)
from core.settings import parse_settings
from tests.conftest import NOON
from tests.oidc import CLIENT_ID, CLIENT_SECRET, OidcProvider, write_secrets

SITE = "http://127.0.0.1:8501"
MINUTE = 60


def connect(provider: OidcProvider, timeout_seconds: float = 15.0) -> Provider:
    [settings] = read_providers(write_secrets(provider.url, SITE))
    return Provider(settings, lambda: NOON, timeout_seconds)


async def go_there(ours: Provider, attempt: Attempt) -> str:
    """The code that a browser brings back."""
    address = await ours.fetch_address(attempt)
    async with httpx.AsyncClient() as browser:
        back = (await browser.get(address)).headers["location"]
    return parse_qs(urlsplit(back).query)["code"][0]


def log_in(
    provider: OidcProvider, *, spoil: Mapping[str, str] | None = None
) -> Mapping[str, object]:
    """The claims of one whole login; `spoil` changes what this side remembers of it."""

    async def run() -> Mapping[str, object]:
        ours = connect(provider)
        attempt = begin_attempt("", "/", fresh=False, now=NOON)
        code = await go_there(ours, attempt)
        return await ours.fetch_claims(replace(attempt, **(spoil or {})), code)  # type: ignore[arg-type]

    return asyncio.run(run())


def test_what_the_provider_signs_is_believed(provider: OidcProvider) -> None:
    claims = log_in(provider)
    assert (claims["email"], claims["email_verified"]) == ("ada@example.com", True)


def test_a_login_carries_state_nonce_and_a_challenge_of_its_own(provider: OidcProvider) -> None:
    log_in(provider)
    log_in(provider)
    first, second = provider.asked
    assert first["scope"] == "openid email profile"
    assert first["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]
    assert provider.exchanged[0]["code_verifier"] not in str(provider.asked)
    assert provider.exchanged[0]["authorization"].startswith("Basic ")


def test_a_provider_that_takes_the_secret_in_the_form_gets_it_there(
    provider: OidcProvider,
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    log_in(provider)
    assert provider.exchanged[0]["client_secret"] == CLIENT_SECRET
    assert provider.exchanged[0]["authorization"] == ""


def test_to_be_asked_again_is_asked_of_the_provider(provider: OidcProvider) -> None:
    attempt = begin_attempt("", "/", fresh=True, now=NOON)
    asyncio.run(go_there(connect(provider), attempt))
    assert (provider.asked[0]["prompt"], provider.asked[0]["max_age"]) == ("login", "0")


NOW = int(NOON.timestamp())


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"], "azp": CLIENT_ID},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"aud": None},
        {"exp": NOW - 2 * MINUTE},
        {"exp": None},
        {"iat": NOW + 10 * MINUTE},
        {"nbf": NOW + 10 * MINUTE},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"at_hash": "another"},
    ],
    ids=str,
)
def test_a_token_for_another_use_is_refused(
    provider: OidcProvider, changes: dict[str, object]
) -> None:
    provider.claims = changes
    with pytest.raises(LoginRefused, match="not valid for this login"):
        log_in(provider)


@pytest.mark.parametrize(
    ("algorithm", "sign_with"), [("none", "key"), ("HS256", "secret"), ("RS256", "another")]
)
def test_what_the_provider_did_not_sign_is_refused(
    provider: OidcProvider, algorithm: str, sign_with: str
) -> None:
    """Its metadata offers all three, as a careless one does."""
    provider.algorithm, provider.sign_with = algorithm, sign_with
    with pytest.raises(LoginRefused, match="not valid for this login"):
        log_in(provider)


def test_another_attempts_nonce_is_refused(provider: OidcProvider) -> None:
    with pytest.raises(LoginRefused, match="not valid"):
        log_in(provider, spoil={"nonce": "of another attempt"})


def test_a_code_is_exchanged_with_the_verifier_of_its_attempt(provider: OidcProvider) -> None:
    log_in(provider, spoil={"verifier": "of this attempt"})
    assert provider.exchanged[0]["code_verifier"] == "of this attempt"


@pytest.mark.parametrize("status", [400, 401, 500, 302])
def test_a_provider_that_gives_no_token_is_unavailable(provider: OidcProvider, status: int) -> None:
    provider.token_status = status
    with pytest.raises(ProviderUnavailable, match="try again") as error:
        log_in(provider)
    assert error.value.detail == f"{provider.url}/token answered {status}"


def test_a_provider_that_is_down_is_unavailable(provider: OidcProvider) -> None:
    [settings] = read_providers(write_secrets("http://127.0.0.1:9", SITE))
    attempt = begin_attempt("", "/", fresh=False, now=NOON)
    with pytest.raises(ProviderUnavailable, match="try again") as error:
        asyncio.run(Provider(settings, lambda: NOON).fetch_address(attempt))
    assert "ConnectError" in error.value.detail


def test_a_slow_provider_is_unavailable_after_the_time_out(provider: OidcProvider) -> None:
    provider.wait = True
    attempt = begin_attempt("", "/", fresh=False, now=NOON)
    with pytest.raises(ProviderUnavailable):
        asyncio.run(connect(provider, timeout_seconds=0.1).fetch_address(attempt))


@pytest.mark.parametrize("metadata", [{"authorization_endpoint": None}, {"jwks_uri": 7}])
def test_a_provider_that_does_not_say_where_to_go_is_unavailable(
    provider: OidcProvider, metadata: dict[str, object]
) -> None:
    provider.metadata = metadata
    with pytest.raises(ProviderUnavailable):
        log_in(provider)


# --- The section [auth] ---------------------------------------------------------------------

WHOLE = write_secrets("https://id.example", "https://ops.example.org")


def test_the_section_is_read_as_streamlit_reads_it() -> None:
    [one] = read_providers(WHOLE)
    assert (one.name, one.client_id) == ("", CLIENT_ID)
    assert one.redirect_uri == "https://ops.example.org/oauth2callback"
    assert CLIENT_SECRET not in repr(one)


def test_providers_may_have_names() -> None:
    shared = {name: WHOLE[name] for name in ("redirect_uri", "cookie_secret")}
    part = {name: WHOLE[name] for name in WHOLE if name not in shared}
    found = read_providers({**shared, "google": part, "okta": {**part, "client_id": "x"}})
    assert [(one.name, one.client_id) for one in found] == [("google", CLIENT_ID), ("okta", "x")]


def test_a_scope_may_be_set() -> None:
    [one] = read_providers({**WHOLE, "client_kwargs": {"scope": "openid email"}})
    assert one.scope == "openid email"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("client_id", "", "has no client_id"),
        ("client_secret", None, "has no client_secret"),
        ("server_metadata_url", "", "has no server_metadata_url"),
        ("server_metadata_url", "http://id.example/x", "is not an https:// address"),
        ("redirect_uri", "", "has no redirect_uri"),
        ("redirect_uri", "https://ops.example.org/", "/oauth2callback"),
        ("redirect_uri", "/oauth2callback", "/oauth2callback"),
    ],
)
def test_what_is_missing_is_named(name: str, value: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_providers({**WHOLE, name: value})


@pytest.mark.parametrize(
    ("values", "redirect", "secure"),
    [
        ({}, "http://127.0.0.1:8501", False),
        ({}, "https://ops.example.org", True),
        ({"PLUMBLINE_PUBLIC_URL": "https://ops.example.org"}, "http://127.0.0.1:8501", True),
        (
            {"PLUMBLINE_TLS_CERTIFICATE": "/a.pem", "PLUMBLINE_TLS_KEY": "/b.pem"},
            "http://127.0.0.1:8501",
            True,
        ),
    ],
)
def test_https_is_known_from_any_of_the_addresses(
    values: dict[str, str], redirect: str, secure: bool
) -> None:
    providers = read_providers(write_secrets("https://id.example", redirect))
    assert has_secure_address(parse_settings(values), providers) is secure
