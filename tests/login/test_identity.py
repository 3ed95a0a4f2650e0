"""Who may come in by what a provider says of them, and where they are led afterwards."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.login.identity import (
    LoginRefused,
    check_fresh,
    check_identity,
    read_authentication_time,
    read_return_path,
)
from core.settings import parse_settings
from tests.conftest import NOON

ALLOWED = {"PLUMBLINE_ALLOWED_EMAILS": "Ada@example.com, bob@example.com"}
SETTINGS = parse_settings(ALLOWED)
TRUSTING = parse_settings({**ALLOWED, "PLUMBLINE_TRUST_UNVERIFIED_EMAIL": "on"})


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.com"])
@pytest.mark.parametrize("verified", [True, "true", "True"])
def test_a_verified_person_of_the_list_comes_in(email: str, verified: object) -> None:
    claims = {"email": email, "email_verified": verified}
    assert check_identity(claims, SETTINGS) == "ada@example.com"


@pytest.mark.parametrize("verified", [False, "false", "no", "", 0, 1, None, [True], {"a": True}])
def test_an_email_that_is_not_verified_is_refused(verified: object) -> None:
    with pytest.raises(LoginRefused, match=r"is (not )?verified") as refused:
        check_identity({"email": "ada@example.com", "email_verified": verified}, SETTINGS)
    assert refused.value.why == "email_not_verified"


def test_a_provider_that_says_nothing_is_believed_only_by_a_setting() -> None:
    with pytest.raises(LoginRefused, match="TRUST_UNVERIFIED_EMAIL=on"):
        check_identity({"email": "ada@example.com"}, SETTINGS)
    assert check_identity({"email": "ada@example.com"}, TRUSTING) == "ada@example.com"


@pytest.mark.parametrize("verified", [False, "false", 0])
def test_a_provider_that_says_no_is_believed_whatever_the_setting(verified: object) -> None:
    with pytest.raises(LoginRefused, match="is not verified"):
        check_identity({"email": "ada@example.com", "email_verified": verified}, TRUSTING)


@pytest.mark.parametrize(
    "email",
    [
        *(None, "", 7, ["ada@example.com"], "ada", "@example.com", "ada@"),
        *("ada@example.com\n", "ada@example.com\nbob@example.com", "ada@example.com ", "\x1b@a.b"),
        *(
            "<b>@example.com",
            '"a"@example.com',
            "ada@example.com,bob@example.com",
            "a" * 255 + "@b",
        ),
    ],
)
def test_what_is_no_email_is_refused_and_not_repeated(email: object) -> None:
    with pytest.raises(LoginRefused, match="did not say who you are") as refused:
        check_identity({"email": email, "email_verified": True}, TRUSTING)
    assert refused.value.why == "no_email"


@pytest.mark.parametrize("email", ["eve@example.com", "ada@example.com.evil.example"])
def test_somebody_else_is_refused_with_what_to_ask_for(email: str) -> None:
    with pytest.raises(LoginRefused, match=f"{email} may not see .* PLUMBLINE_ALLOWED_EMAILS"):
        check_identity({"email": email, "email_verified": True}, SETTINGS)


def test_an_empty_list_lets_nobody_in() -> None:
    with pytest.raises(LoginRefused, match="may not see"):
        check_identity({"email": "ada@example.com", "email_verified": True}, parse_settings({}))


# --- When they were last asked --------------------------------------------------------------


def test_the_provider_says_when_it_asked() -> None:
    asked = NOON - timedelta(hours=1)
    assert read_authentication_time({"auth_time": asked.timestamp()}, NOON) == asked


@pytest.mark.parametrize(
    "seconds", [None, True, "0", -1, float("inf"), float("nan"), NOON.timestamp() + 1, 10**30]
)
def test_a_time_that_cannot_be_is_now(seconds: object) -> None:
    assert read_authentication_time({"auth_time": seconds}, NOON) == NOON


def test_a_login_that_was_to_be_asked_for_again_has_to_be_new() -> None:
    check_fresh(NOON - timedelta(minutes=1), asked_at=NOON)
    with pytest.raises(LoginRefused, match="did not ask again"):
        check_fresh(NOON - timedelta(minutes=3), asked_at=NOON)


# --- Where they go afterwards ---------------------------------------------------------------

SITE = "https://ops.example.org"


@pytest.mark.parametrize(
    "path", ["/", "/deployments?version=1", "/data?a=b&c=%2F%2Fevil.example", "/a//b", "/é?x=ü"]
)
def test_a_page_of_this_site_is_gone_back_to(path: str) -> None:
    assert read_return_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *(None, "", "deployments", "evil.example", "https://evil.example", "//evil.example"),
        *("///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example"),
        *("/\n/evil.example", " //evil.example", "/ /evil", "javascript:alert(1)", "/\r\nA: b"),
        *("/auth/login?next=/", "/oauth2callback?code=1", "/_stcore/health", "/" + "a" * 2_000),
        *("//[", "/\x00", "/\u2028x", "http:evil.example", "//evil.example@ops.example.org"),
    ],
)
def test_anything_else_leads_to_the_first_page(path: str | None) -> None:
    assert read_return_path(path) == "/"


@given(st.text(alphabet="/\\.:@?#%a\t\n ex", max_size=12))
def test_nothing_leads_to_another_site(text: str) -> None:
    path = read_return_path(text)
    as_browsers_read_it = path.replace("\\", "/").replace("\t", "").replace("\n", "")
    assert urlsplit(urljoin(SITE, as_browsers_read_it)).netloc == "ops.example.org"


def test_times_are_aware() -> None:
    assert read_authentication_time({"auth_time": 0}, NOON) == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/plumbline/data?row=1", "/plumbline/data?row=1"),
        ("/plumbline/", "/plumbline/"),
        *((text, "/plumbline/") for text in (None, "/", "/other/app", "/plumbline2/", "//evil")),
        *((text, "/plumbline/") for text in ("/plumbline/auth/login", "/plumbline/../other")),
        ("/plumbline/%2e%2e/other", "/plumbline/"),
    ],
)
def test_below_a_path_a_login_leads_to_nothing_beside_it(text: str | None, path: str) -> None:
    assert read_return_path(text, "/plumbline") == path
