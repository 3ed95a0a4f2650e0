"""Whatever comes to the addresses of a login, by query, cookie and the provider's answer, is
answered with a page or a redirect, and lets nobody in."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing import build_fuzz_settings
from tests.oidc import OidcProvider
from tests.ui.gate.conftest import House, OpenHouse

pytestmark = pytest.mark.slow

PATHS = st.sampled_from(["/oauth2callback", "/auth/login", "/auth/leave", "/auth/logout", "/"])
NAMES = st.sampled_from(["code", "state", "error", "next", "provider", "again", "x"])
TEXTS = st.text(max_size=60) | st.sampled_from(["\0", "\r\nSet-Cookie: a=b", "//evil.example"])
PAIRS = st.lists(st.tuples(NAMES, TEXTS), max_size=6).map(lambda pairs: urlencode(pairs, quote))
RAW = st.binary(max_size=80).map(lambda data: quote(data, safe="&=;+,/?%"))
QUERIES = PAIRS | RAW
COOKIES = st.dictionaries(
    st.sampled_from(["plumbline", "plumbline_login", "plumbline_provider", "other"]),
    st.binary(max_size=120).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b"")),
    max_size=4,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
_CLAIMED = ("iss", "sub", "aud", "exp", "iat", "nonce", "email", "email_verified", "auth_time")
CLAIMS = st.dictionaries(
    st.sampled_from([*_CLAIMED, "groups", "azp", "at_hash", "nbf"]),
    JSON,
    min_size=1,
    max_size=5,
)
_ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
_SUPPORTED = ("id_token_signing_alg_values", "token_endpoint_auth_methods")
METADATA = st.dictionaries(
    st.sampled_from(["issuer", *_ADDRESSES, *(f"{name}_supported" for name in _SUPPORTED)]),
    JSON,
    min_size=1,
    max_size=3,
)


def check(answer: Any) -> None:
    """Fail for an answer that broke, tells what is inside, or leads to a page of somebody else."""
    assert answer.status_code in (200, 303, 400, 401, 403, 404, 405, 429, 503), answer.text
    assert "Traceback" not in answer.text
    assert "a=b" not in answer.headers.get("set-cookie", "")


@pytest.fixture
def house(open_house: OpenHouse, provider: OidcProvider) -> House:
    """A dashboard with a login."""
    return open_house(provider)


def test_whatever_comes_back_from_a_provider_breaks_nothing(house: House) -> None:
    @build_fuzz_settings(1_500)
    @given(path=PATHS, query=QUERIES, cookies=COOKIES, place=st.integers(1, 250))
    def send(path: str, query: str, cookies: Mapping[str, bytes], place: int) -> None:
        browser = house.open_browser(peer=f"10.0.0.{place}")
        header = b"; ".join(name.encode() + b"=" + value for name, value in cookies.items())
        headers = [(b"cookie", header), (b"accept", b"text/html")]
        answer = browser.get(f"{path}?{query}", headers=headers)
        check(answer)
        location = urlsplit(answer.headers.get("location", "/"))
        assert location.netloc in ("", urlsplit(list_addresses(house)[0]).netloc)
        assert house.behind.reached == []

    send()


def list_addresses(house: House) -> list[str]:
    """The addresses of the providers of a dashboard."""
    assert house.login is not None
    return [one.settings.metadata_url for one in house.login._providers.values()]


def test_whatever_a_provider_claims_lets_nobody_else_in(
    house: House, provider: OidcProvider
) -> None:
    @build_fuzz_settings(150)
    @given(claims=CLAIMS, place=st.integers(1, 250))
    def log_in(claims: Mapping[str, Any], place: int) -> None:
        provider.claims = dict(claims)
        browser = house.open_browser(peer=f"10.0.0.{place}")
        answer = browser.log_in()
        check(answer)
        token = browser.client.cookies.get("plumbline")
        session = house.sessions.find(token) if token else None
        assert session is None or session.email in ("ada@example.com", "bob@example.com")

    log_in()


def test_whatever_a_provider_says_of_itself_breaks_nothing(
    open_house: OpenHouse, provider: OidcProvider
) -> None:
    house = open_house(provider)

    @build_fuzz_settings(150)
    @given(metadata=METADATA)
    def begin(metadata: Mapping[str, Any]) -> None:
        provider.metadata = dict(metadata)
        house.pass_(hours=1, minutes=1)  # what it said of itself is asked for anew
        provider.now = int(house.now.timestamp())
        browser = house.open_browser()
        browser.client.cookies.set("plumbline_provider", "x", domain="127.0.0.1")
        check(browser.get("/auth/login"))
        house.pass_(hours=1, minutes=1)
        check(browser.get("/auth/leave"))

    begin()
