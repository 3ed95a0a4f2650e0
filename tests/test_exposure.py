"""Nothing listens beyond this machine without a login and API keys."""

import pytest

from core.domain.api_key import ApiKey
from core.errors import Refused
from core.exposure import check_exposure
from core.settings import parse_settings
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
