"""Logging in and out through the gate, with a provider that behaves and one that does not."""

from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from core.safety.masking import mask
from tests.conftest import NOON
from tests.oidc import OidcProvider
from tests.ui.gate.conftest import Browser, House, OpenHouse

PAGE = "/deployments?version=1"


@pytest.fixture
def house(open_house: OpenHouse, provider: OidcProvider) -> House:
    """A dashboard with a login."""
    return open_house(provider)


def find_links(answer: httpx.Response) -> list[str]:
    """The addresses that a page offers."""
    return [part.split('"')[0].replace("&amp;", "&") for part in answer.text.split('href="/')[1:]]


def test_a_deep_link_leads_through_the_login_and_back_to_itself(house: House) -> None:
    browser = house.open_browser()
    prompt = browser.get(PAGE)
    assert (prompt.status_code, house.behind.reached) == (401, [])
    [link] = find_links(prompt)
    back = browser.log_in("/" + link)
    assert (back.status_code, back.headers["location"]) == (303, PAGE)
    assert browser.get(PAGE).text == "streamlit"


@pytest.mark.parametrize(
    "target",
    [
        *("//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"),
        *("javascript:alert(1)", "///evil.example", "/%0d%0aSet-Cookie: a=b", "\\\\evil.example"),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_login_leads_to_no_other_site(house: House, target: str, times: int) -> None:
    for _ in range(times):
        target = quote(target, safe="")
    back = house.open_browser().log_in(f"/auth/login?next={target}")
    location = back.headers["location"]
    assert urlsplit(location).netloc == ""
    assert not location.startswith(("//", "/\\", "/\t"))
    assert "set-cookie" not in location.lower() or "\r" not in location


def test_a_login_page_of_an_encoded_other_site_leads_to_the_first_page(house: House) -> None:
    [link] = find_links(house.open_browser().get("/%2Fevil.example"))
    assert link == "auth/login?next=%2F"


def test_the_cookie_is_no_scripts_and_no_other_sites(house: House) -> None:
    browser = house.open_browser()
    cookies = browser.log_in().headers.get_list("set-cookie")
    [session] = [cookie for cookie in cookies if cookie.startswith("plumbline=")]
    parts = {part.strip().lower() for part in session.split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=lax"}  # until the browser is closed
    [attempt] = [cookie for cookie in cookies if cookie.startswith("plumbline_login=")]
    assert 'plumbline_login=""' in attempt
    assert "Max-Age=0" in attempt


def test_by_https_the_cookie_belongs_to_this_host_and_to_https(
    open_house: OpenHouse, provider: OidcProvider
) -> None:
    site = "https://ops.example.org"
    house = open_house(provider, site=site, PLUMBLINE_PUBLIC_URL=site)
    browser = house.open_browser(site)
    cookies = browser.log_in().headers.get_list("set-cookie")
    assert any(cookie.startswith("__Host-plumbline=") for cookie in cookies)
    assert all("secure" in cookie.lower().split("; ") for cookie in cookies)
    streamlit = browser.get("/").headers["set-cookie"]
    assert streamlit == "_streamlit_xsrf=1; Secure"


def test_after_log_out_a_copied_cookie_opens_nothing(house: House) -> None:
    browser, thief = house.open_browser(), house.open_browser()
    browser.log_in()
    thief.client.cookies = httpx.Cookies(browser.client.cookies)
    assert thief.get("/system").text == "streamlit"
    gone = browser.send("POST", "/auth/logout", headers={"Origin": "http://127.0.0.1:8501"})
    assert (gone.status_code, gone.headers["location"]) == (303, "/auth/leave")
    assert thief.get("/system").status_code == 401
    assert browser.get("/system").status_code == 401
    assert thief.open_socket() == [{"type": "websocket.close", "code": 1008}]


def leave(browser: Browser) -> str:
    """Log out; where the browser is led in the end."""
    gone = browser.send("POST", "/auth/logout")
    return str(browser.get(gone.headers["location"]).headers["location"])


def test_a_log_out_leads_to_the_one_of_the_provider(house: House, provider: OidcProvider) -> None:
    provider.metadata = {"end_session_endpoint": f"{provider.url}/logout?from=here"}
    browser = house.open_browser()
    browser.log_in()
    parts = urlsplit(leave(browser))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{provider.url}/logout"
    assert parse_qs(parts.query) == {
        "from": ["here"],
        "client_id": ["plumbline"],
        "post_logout_redirect_uri": ["http://127.0.0.1:8501/"],
    }
    assert not browser.client.cookies


@pytest.mark.parametrize(
    "endpoint", [None, 7, "javascript:alert(1)", "http://id.example.org/logout", "//evil.example"]
)
def test_without_a_safe_log_out_of_the_provider_it_leads_to_the_first_page(
    house: House, provider: OidcProvider, endpoint: object
) -> None:
    provider.metadata = {"end_session_endpoint": endpoint}
    browser = house.open_browser()
    browser.log_in()
    assert leave(browser) == "/"


def test_a_provider_that_is_down_keeps_nobody_from_logging_out(
    house: House, provider: OidcProvider
) -> None:
    browser = house.open_browser()
    browser.log_in()
    provider.metadata = {"end_session_endpoint": f"{provider.url}/logout"}
    house.pass_(hours=1, minutes=1)  # what it said of itself is asked for anew
    provider.stop_describing = True
    assert leave(browser) == "/"
    assert browser.get("/system").status_code == 401


def test_each_log_out_leads_to_the_provider_of_its_login(
    open_house: OpenHouse, provider: OidcProvider
) -> None:
    provider.metadata = {"end_session_endpoint": f"{provider.url}/logout"}
    part = {
        "client_id": "second",
        "client_secret": "s3cret",
        "server_metadata_url": f"{provider.url}/.well-known/openid-configuration",
    }
    house = open_house(provider, section={"ökta 2": part})
    provider.claims = {"aud": "second"}
    browser = house.open_browser()
    browser.log_in(f"/auth/login?provider={quote('ökta 2')}")
    assert parse_qs(urlsplit(leave(browser)).query)["client_id"] == ["second"]


def test_a_link_to_the_providers_log_out_ends_no_session(
    house: House, provider: OidcProvider
) -> None:
    provider.metadata = {"end_session_endpoint": f"{provider.url}/logout"}
    browser, stranger = house.open_browser(), house.open_browser()
    browser.log_in()
    assert browser.get("/auth/leave").headers["location"] == "/"
    assert browser.get("/").text == "streamlit"
    assert stranger.get("/auth/leave").headers["location"] == "/"


def test_the_secrets_of_the_login_are_masked_wherever_they_stand(
    open_house: OpenHouse, provider: OidcProvider
) -> None:
    client, cookie = "client-canary-4711", "cookie-canary-4711-0815"
    section: dict[str, object] = {"client_secret": client, "cookie_secret": cookie}
    house = open_house(provider, section=section)
    assert mask(f"it said {client}, and {cookie}") == "it said ***, and ***"
    assert client not in f"{house.login!r} {vars(house.login)!r}"
    assert cookie not in f"{house.login!r} {vars(house.login)!r}"


def test_no_page_of_another_site_and_no_link_logs_anybody_out(house: House) -> None:
    browser = house.open_browser()
    browser.log_in()
    assert browser.get("/auth/logout").status_code == 405
    foreign = browser.send("POST", "/auth/logout", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert browser.get("/").text == "streamlit"


def test_a_login_gives_another_token_than_the_browser_came_with(house: House) -> None:
    browser = house.open_browser()
    browser.client.cookies.set("plumbline", "planted", domain="127.0.0.1")
    browser.log_in()
    values = {cookie.value for cookie in browser.client.cookies.jar if cookie.name == "plumbline"}
    first = values - {"planted"}
    assert len(first) == 1
    planted = house.open_browser()
    planted.client.cookies.set("plumbline", "planted", domain="127.0.0.1")
    assert planted.get("/").status_code == 401


def test_a_second_login_ends_the_first(house: House) -> None:
    browser, copy = house.open_browser(), house.open_browser()
    browser.log_in()
    copy.client.cookies = httpx.Cookies(browser.client.cookies)
    browser.log_in()
    assert copy.get("/").status_code == 401
    assert browser.get("/").text == "streamlit"


# --- Returns that are not what they should be -----------------------------------------------


def begin(house: House) -> tuple[object, str]:
    browser = house.open_browser()
    begun = browser.get("/auth/login")
    return browser, browser.visit_provider(begun.headers["location"])


def test_a_state_that_this_browser_did_not_begin_with_is_refused(
    house: House, provider: OidcProvider
) -> None:
    provider.state = "another"
    answer = house.open_browser().log_in()
    assert answer.status_code == 403
    assert "was not begun in this browser" in answer.text
    assert provider.exchanged == [], "its code is not even looked at"


def test_a_return_that_another_browser_began_is_refused(
    house: House, provider: OidcProvider
) -> None:
    """Somebody sends a victim the end of their own login."""
    _, back = begin(house)
    assert house.open_browser().get(back).status_code == 403
    assert provider.exchanged == []


def test_a_return_counts_once(house: House, provider: OidcProvider) -> None:
    browser = house.open_browser()
    begun = browser.get("/auth/login")
    kept = httpx.Cookies(browser.client.cookies)
    back = browser.visit_provider(begun.headers["location"])
    assert browser.get(back).status_code == 303
    thief = house.open_browser()
    thief.client.cookies = kept
    again = thief.get(back)
    assert again.status_code == 403
    assert len(provider.exchanged) == 1
    assert thief.get("/").status_code == 401


def test_a_return_that_took_too_long_is_refused(house: House, provider: OidcProvider) -> None:
    browser = house.open_browser()
    back = browser.visit_provider(browser.get("/auth/login").headers["location"])
    house.pass_(minutes=10)
    provider.now = int(house.now.timestamp())
    assert browser.get(back).status_code == 403
    assert provider.exchanged == []


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?code=x&state=x", "?error=access_denied&state=x"]
)
def test_a_return_out_of_nowhere_is_refused(house: House, query: str) -> None:
    assert house.open_browser().get(f"/oauth2callback{query}").status_code == 403


def test_an_attempt_that_this_dashboard_did_not_sign_is_refused(house: House) -> None:
    browser = house.open_browser()
    back = browser.visit_provider(browser.get("/auth/login").headers["location"])
    value = browser.client.cookies["plumbline_login"]
    browser.client.cookies.clear()
    browser.client.cookies.set("plumbline_login", value[:-2] + "xx", domain="127.0.0.1")
    assert browser.get(back).status_code == 403


def test_a_provider_that_says_no_is_a_sentence(house: House, provider: OidcProvider) -> None:
    provider.error = "access_denied"
    answer = house.open_browser().log_in()
    assert answer.status_code == 403
    assert "did not let you in" in answer.text


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "eve@example.com"},
        {"email_verified": "false"},
        {"email_verified": False},
        {"email_verified": None},
        {"email": None},
        {"email": "ada@example.com\nx"},
        {"nonce": "another"},
        {"aud": "another"},
    ],
    ids=str,
)
def test_whoever_is_refused_gets_a_sentence_and_no_session(
    house: House, provider: OidcProvider, claims: dict[str, object]
) -> None:
    provider.claims = claims
    browser = house.open_browser()
    answer = browser.log_in()
    assert answer.status_code == 403
    assert "You are not logged in" in answer.text
    assert "plumbline" not in browser.client.cookies
    assert browser.get("/").status_code == 401


def test_an_email_in_another_case_is_the_same_person(house: House, provider: OidcProvider) -> None:
    provider.claims = {"email": "ADA@Example.com", "email_verified": "true"}
    browser = house.open_browser()
    browser.log_in()
    session = house.sessions.find(browser.client.cookies["plumbline"])
    assert session is not None
    assert session.email == "ada@example.com"


def test_a_provider_that_is_down_is_a_page(open_house: OpenHouse, provider: OidcProvider) -> None:
    gone = {"server_metadata_url": "http://127.0.0.1:9/x"}
    house = open_house(provider, section=gone)
    answer = house.open_browser().get("/auth/login")
    assert answer.status_code == 503
    assert "does not answer as it should" in answer.text


def test_a_page_shows_what_came_from_outside_as_text(house: House, provider: OidcProvider) -> None:
    provider.claims = {"email": "eve+<script>@example.com"}
    answer = house.open_browser().log_in()
    assert "<script>" not in answer.text
    assert "<script>" not in house.open_browser().get("/<script>alert(1)</script>").text


def test_ten_failures_from_an_address_make_it_wait(house: House, provider: OidcProvider) -> None:
    browser = house.open_browser(peer="10.0.0.9")
    for _ in range(10):
        assert browser.get("/oauth2callback?code=x&state=x").status_code == 403
    waiting = browser.get("/oauth2callback?code=x&state=x")
    assert (waiting.status_code, waiting.headers["retry-after"]) == (429, "600")
    assert browser.log_in().status_code == 429
    assert house.open_browser(peer="10.0.0.8").log_in().status_code == 303
    house.pass_(minutes=10)
    provider.now = int(house.now.timestamp())
    assert browser.log_in().status_code == 303


# --- Asked again ----------------------------------------------------------------------------


def test_to_log_in_again_makes_the_provider_ask(house: House, provider: OidcProvider) -> None:
    browser = house.open_browser()
    browser.log_in()
    house.pass_(hours=1)
    provider.now = int(house.now.timestamp())
    provider.claims = {"auth_time": provider.now}
    back = browser.log_in(f"/auth/login?next={quote(PAGE, safe='')}&again=1")
    assert back.headers["location"] == PAGE
    assert provider.asked[-1]["prompt"] == "login"
    session = house.sessions.find(browser.client.cookies["plumbline"])
    assert session is not None
    assert session.authenticated_at == NOON + timedelta(hours=1)


def test_a_provider_that_did_not_ask_again_is_not_believed(
    house: House, provider: OidcProvider
) -> None:
    provider.claims = {"auth_time": int(NOON.timestamp()) - 3600}
    answer = house.open_browser().log_in("/auth/login?again=1")
    assert answer.status_code == 403
    assert "did not ask again" in answer.text


def test_a_usual_login_remembers_when_the_provider_asked(
    house: House, provider: OidcProvider
) -> None:
    provider.claims = {"auth_time": int(NOON.timestamp()) - 3600}
    browser = house.open_browser()
    browser.log_in()
    session = house.sessions.find(browser.client.cookies["plumbline"])
    assert session is not None
    assert session.authenticated_at == NOON - timedelta(hours=1)


# --- Several providers, and the log ---------------------------------------------------------


def test_each_provider_has_a_link_of_its_own(open_house: OpenHouse, provider: OidcProvider) -> None:
    part = {
        "client_id": "plumbline",
        "client_secret": "s3cret",
        "server_metadata_url": f"{provider.url}/.well-known/openid-configuration",
    }
    house = open_house(provider, section={"okta": part})
    links = find_links(house.open_browser().get("/"))
    assert [parse_qs(urlsplit(link).query).get("provider") for link in links] == [None, ["okta"]]
    assert house.open_browser().log_in("/" + links[1]).status_code == 303


def test_what_happens_at_the_login_is_logged_without_secrets(
    house: House, provider: OidcProvider
) -> None:
    with capture_logs() as logs:
        browser = house.open_browser(peer="10.0.0.7")
        browser.log_in()
        token = browser.client.cookies["plumbline"]
        browser.send("POST", "/auth/logout")
        provider.claims = {"email": "eve@example.com"}
        browser.log_in()
        browser.get("/oauth2callback?code=c&state=a%0d%1b[31m")
        provider.error = "x\x1b[31m"
        browser.log_in()
    told = [line for line in logs if line["event"] != "audit"]
    assert [(line["event"], line.get("why")) for line in told] == [
        ("login", None),
        ("session_ended", "logout"),
        ("login_refused", "not_allowed"),
        ("login_refused", "state"),
        ("login_refused", "provider: x?[31m"),
    ]
    assert [line.get("who") for line in told] == [
        *("ada@example.com", "ada@example.com", "eve@example.com", "", ""),
    ]
    assert [line.get("place") for line in told] == ["10.0.0.7", None, *["10.0.0.7"] * 3]
    secrets = (token, *(query["state"] for query in provider.asked), provider.exchanged[0]["code"])
    assert not any(secret in str(logs) for secret in secrets)
