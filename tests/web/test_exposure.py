"""Nothing listens beyond this machine without a login and API keys."""

import pytest

from core.domain.installation import ApiKey
from core.errors import Refused
from core.settings import parse_settings
from core.web.exposure import UntrustedRequest, build_trusted_hosts, check_direct, check_exposure
from tests.conftest import NOON

LIVE = ApiKey(1, "ci", "plk_abc", frozenset(), NOON, "ada", None)
REVOKED = ApiKey(2, "old", "plk_def", frozenset(), NOON, "ada", NOON)
EMAILS = {"PLUMBLINE_ALLOWED_EMAILS": "ada@example.org"}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_loopback_needs_nothing(host: str) -> None:
    check_exposure(parse_settings({"PLUMBLINE_HOST": host}), login=False, keys=[])


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "::", "plumbline.example.org"])
def test_any_other_address_needs_login_and_a_key(host: str) -> None:
    with pytest.raises(Refused, match=r"set up a login .* and an API key .* first"):
        check_exposure(parse_settings({"PLUMBLINE_HOST": host}), login=False, keys=[])


def test_a_login_that_anyone_may_use_is_not_enough() -> None:
    settings = parse_settings({"PLUMBLINE_HOST": "0.0.0.0"})
    with pytest.raises(Refused, match=r"set up a login .* first"):
        check_exposure(settings, login=True, keys=[LIVE])


def test_a_revoked_key_is_no_key() -> None:
    settings = parse_settings({"PLUMBLINE_HOST": "0.0.0.0", **EMAILS})
    with pytest.raises(Refused, match="set up an API key"):
        check_exposure(settings, login=True, keys=[REVOKED])


def test_with_both_any_address_is_allowed() -> None:
    settings = parse_settings({"PLUMBLINE_HOST": "0.0.0.0", **EMAILS})
    check_exposure(settings, login=True, keys=[LIVE])


def test_behind_a_proxy_login_and_a_key_are_needed_on_loopback_too() -> None:
    settings = parse_settings({"PLUMBLINE_PROXY": "on", **EMAILS})
    with pytest.raises(Refused, match=r"PLUMBLINE_PROXY is on.* set up a login .* and an API key"):
        check_exposure(settings, login=False, keys=[])
    check_exposure(settings, login=True, keys=[LIVE])


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "ops.example.org", "api:80"],
)
def test_a_server_answers_to_its_own_names(host: str) -> None:
    settings = parse_settings(
        {"PLUMBLINE_PUBLIC_URL": "https://ops.example.org", "PLUMBLINE_ALLOWED_HOSTS": "API, b"}
    )
    build_trusted_hosts(settings).check_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example"),
        *(
            "evil.example:80:80",
            "",
            ":8000",
            "10.1.2.3",
            "127.0.0.1@evil.example",
            "[evil.example]",
        ),
    ],
)
def test_a_server_does_not_answer_to_another_name(host: str) -> None:
    with pytest.raises(UntrustedRequest, match="PLUMBLINE_ALLOWED_HOSTS"):
        build_trusted_hosts(parse_settings({})).check_host(host)


def test_a_server_of_every_address_answers_to_addresses_and_to_no_name() -> None:
    hosts = build_trusted_hosts(parse_settings({"PLUMBLINE_HOST": "0.0.0.0"}))
    hosts.check_host("10.1.2.3:8000")
    hosts.check_host("[fe80::1]:8000")
    with pytest.raises(UntrustedRequest):
        hosts.check_host("evil.example:8000")


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "", "http://localhost:9999", "http://[", "evil.example"),
        *("http://127.0.0.1:8000.evil.example", "http://u@127.0.0.1:8000", "http://127.0.0.1"),
    ],
)
def test_a_page_of_another_site_may_not_call(origin: str) -> None:
    with pytest.raises(UntrustedRequest, match="other sites"):
        build_trusted_hosts(parse_settings({})).check_origin(origin, "127.0.0.1:8000")


def test_a_page_of_this_server_may_call_and_a_program_sends_no_origin() -> None:
    settings = parse_settings({"PLUMBLINE_PUBLIC_URL": "https://ops.example.org/plumbline"})
    hosts = build_trusted_hosts(settings)
    hosts.check_origin("http://127.0.0.1:8000", "127.0.0.1:8000")
    hosts.check_origin("https://ops.example.org", "127.0.0.1:8000")
    hosts.check_origin(None, "127.0.0.1:8000")


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "", None])
def test_without_a_key_another_machine_is_not_answered(peer: str | None) -> None:
    with pytest.raises(UntrustedRequest, match="keys create"):
        check_direct(peer, {})


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip", "via"])
def test_without_a_key_nothing_that_a_proxy_passed_on_is_answered(header: str) -> None:
    with pytest.raises(UntrustedRequest, match="PLUMBLINE_PROXY"):
        check_direct("127.0.0.1", {header: "127.0.0.1"})
