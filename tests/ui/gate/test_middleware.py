"""The gate: nothing of Streamlit is reached by a foreign name, from a foreign page, or before a
login."""

from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope
from streamlit.proto.BackMsg_pb2 import BackMsg
from structlog.testing import capture_logs

from core.domain.installation import SessionEnd
from core.errors import Unavailable
from tests.oidc import OidcProvider
from tests.ui.gate.conftest import SITE, Browser, House, OpenHouse

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
STREAMLIT = (
    *("/", "/system", "/_stcore/host-config", "/_stcore/stream", "/_stcore/metrics"),
    *("/_stcore/upload_file/a/b", "/media/x.png", "/component/x/index.html", "/static/js/x.js"),
    *("/_stcore/agent/openapi.json", "/_stcore/healthx", "/_stcore/health/", "//_stcore/health"),
    *("/auth/login/x", "/_stcore/../system", "/favicon.png"),
)
CLOSED = [{"type": "websocket.close", "code": 1008}]
CLEAR_CACHE = bytes(BackMsg(clear_cache=True).SerializeToString())


@pytest.fixture
def house(open_house: OpenHouse, provider: OidcProvider) -> House:
    """A dashboard with a login."""
    return open_house(provider)


@pytest.fixture
def browser(house: House) -> Browser:
    """A browser whose person is logged in."""
    browser = house.open_browser()
    browser.log_in()
    return browser


async def receive_nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def send_raw(
    house: House,
    *,
    method: str,
    headers: list[tuple[bytes, bytes]],
    receive: Receive = receive_nothing,
) -> list[Message]:
    """What a request is answered that no browser would send."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": "/_stcore/upload_file/a/b",
        "query_string": b"",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "headers": headers,
    }
    house.runner.run(house.gate(scope, receive, send))
    return sent


def click(**options: object) -> bytes:
    """What a browser sends when something is clicked."""
    message = BackMsg()
    message.rerun_script.query_string = "version=1"
    message.rerun_script.page_script_hash = "page"
    widget = message.rerun_script.widget_states.widgets.add()
    widget.id, widget.trigger_value = "roll_back", True
    for name, value in options.items():
        setattr(message.rerun_script, name, value)
    return bytes(message.SerializeToString())


# --- Names and pages ------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("logged_in", [False, True])
def test_a_foreign_name_reaches_nothing(house: House, method: str, logged_in: bool) -> None:
    browser = house.open_browser()
    if logged_in:
        browser.log_in()
    for path in ("/", "/_stcore/health", "/auth/login", "/oauth2callback"):
        answer = browser.send(method, path, headers={"Host": "evil.example:8501"})
        assert answer.status_code == 403
    assert house.behind.reached == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
def test_a_page_of_another_site_reaches_nothing(browser: Browser, method: str, origin: str) -> None:
    for path in ("/", "/_stcore/health", "/_stcore/upload_file/a/b"):
        assert browser.send(method, path, headers={"Origin": origin}).status_code == 403
    assert browser.house.behind.reached == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://evil.example:8501", "host": "evil.example:8501"},
        {"host": "evil.example:8501"},
        {"origin": "http://127.0.0.1:9999"},
    ],
)
def test_a_foreign_websocket_is_closed_before_it_is_accepted(
    browser: Browser, headers: dict[str, str]
) -> None:
    assert browser.open_socket(click(), **headers) == CLOSED
    assert browser.house.behind.reached == []


def test_two_names_at_once_are_none(open_house: OpenHouse) -> None:
    house = open_house()
    names = [(b"host", b"127.0.0.1:8501"), (b"host", b"evil.example")]
    for headers, status in ((names[:1], 200), (names, 403), (names[::-1], 403)):
        assert send_raw(house, method="GET", headers=headers)[0]["status"] == status


def test_streamlit_sees_no_origin_and_so_asks_nobody_for_its_address(browser: Browser) -> None:
    """For an Origin that it does not know, it calls a server of the internet."""
    browser.get("/", headers={"Origin": SITE})
    browser.open_socket(origin=SITE)
    assert browser.house.behind.origins == [None, None]


def test_the_public_name_is_trusted_behind_a_proxy_that_keeps_its_own(
    open_house: OpenHouse, provider: OidcProvider
) -> None:
    site = "https://ops.example.org"
    house = open_house(provider, site=site, PLUMBLINE_PUBLIC_URL=site, PLUMBLINE_PROXY="on")
    browser = house.open_browser(site)
    browser.log_in()
    headers = {"Host": "127.0.0.1:8501", "Origin": site, "X-Forwarded-For": "203.0.113.9"}
    assert browser.get("/", headers=headers).text == "streamlit"


def test_a_flood_of_refused_requests_does_not_fill_the_log(browser: Browser) -> None:
    """A log that is not read, such as a pipe that is full, would stop the server."""
    with capture_logs() as logs:
        for _ in range(50):
            browser.open_socket(origin="http://evil.example")
    assert [line["event"] for line in logs] == ["request_refused"]


# --- Without a login ------------------------------------------------------------------------


def test_without_a_login_this_machine_is_answered(open_house: OpenHouse) -> None:
    house = open_house()
    browser = house.open_browser()
    assert browser.get("/system").text == "streamlit"
    assert browser.open_socket(click())[0] == {"type": "websocket.accept"}
    assert browser.get("/auth/login").text == "streamlit", "its own login has no provider"


@pytest.mark.parametrize("peer", ["10.0.0.9", "192.168.1.7", "2001:db8::1", "0.0.0.0"])
def test_without_a_login_no_other_machine_is_answered(open_house: OpenHouse, peer: str) -> None:
    house = open_house(PLUMBLINE_HOST="0.0.0.0")
    answer = house.open_browser(peer=peer).get("/")
    assert answer.status_code == 403
    assert "only this machine is answered" in answer.text
    assert house.behind.reached == []


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_without_a_login_what_a_proxy_passes_on_is_refused(
    open_house: OpenHouse, header: str
) -> None:
    house = open_house()
    answer = house.open_browser().get("/", headers={header: "127.0.0.1"})
    assert answer.status_code == 403
    assert "A proxy passed this request on" in answer.text
    assert house.behind.reached == []


def test_a_list_of_people_without_a_login_opens_to_nobody(open_house: OpenHouse) -> None:
    house = open_house(closed="Set up a login.")
    browser = house.open_browser()
    assert browser.get("/").status_code == 403
    assert browser.send("PUT", "/_stcore/upload_file/a/b", content=b"x").status_code == 403
    assert browser.open_socket(click()) == CLOSED
    assert house.behind.reached == []
    assert browser.get("/_stcore/health").text == "streamlit", "whoever starts it waits for this"


# --- Before the login -----------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_before_the_login_nothing_of_streamlit_is_reached(house: House, method: str) -> None:
    browser = house.open_browser()
    for path in STREAMLIT:
        answer = browser.send(method, path, content=b"x" * 100)
        assert answer.status_code == 401, path
    assert house.behind.reached == []


def test_before_the_login_no_websocket_opens(house: House) -> None:
    browser = house.open_browser()
    assert browser.open_socket(click()) == CLOSED
    assert browser.open_socket(click(), cookie="plumbline=guess") == CLOSED
    assert house.behind.reached == []


def test_health_is_for_everybody_who_may_know_its_name(house: House) -> None:
    browser = house.open_browser()
    assert browser.get("/_stcore/health").text == "streamlit"
    assert browser.send("POST", "/_stcore/health").status_code == 401


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"Sec-Fetch-Mode": "navigate"}, "text/html; charset=utf-8"),
        ({"Accept": "text/html"}, "text/html; charset=utf-8"),
        ({"Sec-Fetch-Mode": "cors", "Accept": "text/html"}, "text/plain; charset=utf-8"),
        ({"Accept": "application/json"}, "text/plain; charset=utf-8"),
    ],
)
def test_a_person_gets_the_login_page_and_a_program_a_word(
    house: House, headers: dict[str, str], kind: str
) -> None:
    answer = house.open_browser().get("/", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, kind)


def test_a_body_that_is_refused_is_not_read(house: House) -> None:
    """Four uploads of 180 MB took a gigabyte before somebody had to log in."""
    asked: list[str] = []

    async def receive() -> Message:
        asked.append("more")
        return {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}

    headers = [(b"host", b"127.0.0.1:8501"), (b"content-length", b"188743680")]
    sent = send_raw(house, method="PUT", headers=headers, receive=receive)
    assert asked == []
    assert sent[0]["status"] == 401
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.fixture
def no_store(house: House) -> Iterator[None]:
    """A store that cannot be used, for a reason that is nobody else's business."""

    def fail() -> None:
        raise Unavailable("postgresql://host/secret-name does not answer: start it.")

    assert house.login is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.login, "load_sessions", fail)
        yield


@pytest.mark.usefixtures("no_store")
def test_what_is_wrong_with_the_store_is_not_told_before_the_login(house: House) -> None:
    browser = house.open_browser()
    browser.client.cookies.set("plumbline", "x", domain="127.0.0.1")
    back = browser.visit_provider(browser.get("/auth/login").headers["location"])
    for path in ("/", back):
        answer = browser.get(path)
        assert answer.status_code == 503
        assert "Plumbline cannot start" in answer.text
        assert "secret-name" not in answer.text
    assert browser.open_socket(click()) == CLOSED


# --- A websocket whose session ends ---------------------------------------------------------


def test_what_a_person_clicks_arrives_as_it_is(browser: Browser) -> None:
    browser.open_socket(click(), b"\xff")
    assert browser.house.behind.received == [click(), b"\xff"]


def test_an_open_websocket_loses_access_with_its_session(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first message asks for the page anew, without the click; the next one finds it closed."""
    house = browser.house
    token = browser.client.cookies["plumbline"]
    find, n_found = house.sessions.find, 0

    def end_after_two(asked: str | None) -> object:
        nonlocal n_found
        n_found += 1
        if n_found == 3:  # the handshake and the first message are through
            house.sessions.end(token, SessionEnd.LOGOUT)
        return find(asked)

    monkeypatch.setattr(house.sessions, "find", end_after_two)
    sent = browser.open_socket(click(), click(fragment_id="status"), click(), click())
    first, anew = house.behind.received
    assert first == click()
    asked = BackMsg.FromString(anew).rerun_script
    assert (asked.page_script_hash, asked.query_string) == ("page", "version=1")
    assert not asked.widget_states.widgets
    assert asked.fragment_id == ""
    assert sent == [{"type": "websocket.accept"}, *CLOSED], "and nothing is sent after that"


@pytest.mark.parametrize(
    "data", [b"\xff\xff", b"", bytes(BackMsg(clear_cache=True).SerializeToString())]
)
def test_what_asks_for_no_page_closes_a_websocket_whose_session_ended(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    house = browser.house
    find, n_found = house.sessions.find, 0

    def gone_after_one(asked: str | None) -> object:
        nonlocal n_found
        n_found += 1
        return find(asked) if n_found == 1 else None

    monkeypatch.setattr(house.sessions, "find", gone_after_one)
    assert browser.open_socket(data)[-1] == CLOSED[0]
    assert house.behind.received == []


def test_only_what_a_person_does_keeps_a_session_alive(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    monkeypatch.setattr(browser.house.sessions, "note_seen", noted.append)
    heartbeat = bytes(BackMsg(app_heartbeat=True).SerializeToString())
    browser.open_socket(click(is_auto_rerun=True), heartbeat, b"\xff")
    browser.get("/_stcore/host-config", headers={"Sec-Fetch-Mode": "cors"})
    browser.house.settle()
    assert noted == []
    browser.open_socket(click(is_auto_rerun=True), click(), heartbeat)
    browser.get("/system")
    browser.send("PUT", "/_stcore/upload_file/page/file", content=b"x")
    browser.house.settle()
    assert len(noted) == 3


# --- What every answer carries --------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/auth/login", "/_stcore/health", "/oauth2callback"])
@pytest.mark.parametrize("host", ["127.0.0.1:8501", "evil.example"])
@pytest.mark.parametrize("logged_in", [False, True])
def test_every_answer_has_the_headers(house: House, path: str, host: str, logged_in: bool) -> None:
    browser = house.open_browser()
    if logged_in:
        browser.log_in()
    headers = browser.get(path, headers={"Host": host}).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers


def test_a_page_of_ours_allows_no_script(house: House) -> None:
    policy = house.open_browser().get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "unsafe" not in policy


# --- Uploads --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "length", "status"),
    [("page", "1000", 200), ("page", "1001", 413), ("full", "601", 413), ("full", "600", 200)],
)
def test_a_page_holds_no_more_than_its_share(
    browser: Browser, page: str, length: str, status: int
) -> None:
    answer = browser.send(
        "PUT", f"/_stcore/upload_file/{page}/file", headers={"Content-Length": length}
    )
    assert answer.status_code == status


def test_an_upload_says_how_long_it_is(browser: Browser) -> None:
    async def chunks() -> object:
        yield b"x"

    answer = browser.send("PUT", "/_stcore/upload_file/page/file", content=chunks())
    assert answer.status_code == 413
    assert "/_stcore/upload_file/page/file" not in browser.house.behind.reached
