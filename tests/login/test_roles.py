"""Roles follow the e-mail first, then groups and the domain, then everybody's."""

from datetime import datetime

import pytest

from core.domain.actor import Act, Role
from core.domain.installation import Session
from core.login.identity import is_allowed
from core.login.roles import build_actor, find_role
from core.settings import Settings, parse_settings

ROLES = "ana@a.org=admin, Eve@a.org=viewer, @a.org=operator, group:raters=labeller, *=viewer"


def read(**values: str) -> Settings:
    return parse_settings({f"PLUMBLINE_{name.upper()}": text for name, text in values.items()})


@pytest.mark.parametrize(
    ("email", "groups", "role"),
    [
        ("ana@a.org", (), Role.ADMIN),
        ("ben@a.org", (), Role.OPERATOR),
        ("ben@a.org", ("raters",), Role.OPERATOR),
        ("eve@a.org", ("raters",), Role.VIEWER),  # the e-mail decides alone
        ("cy@b.org", ("raters", "others"), Role.LABELLER),
        ("cy@b.org", ("Raters",), Role.VIEWER),  # a group's name is what the provider says
        ("cy@b.org", (), Role.VIEWER),
        ("a.org", (), Role.VIEWER),
        ("ben@x.a.org", (), Role.VIEWER),
    ],
)
def test_the_role_of_a_person(email: str, groups: tuple[str, ...], role: Role) -> None:
    assert find_role(email, groups, read(roles=ROLES)) is role


def test_without_the_setting_everybody_who_may_log_in_is_admin() -> None:
    assert find_role("cy@b.org", (), read()) is Role.ADMIN


def test_with_the_setting_somebody_whom_it_does_not_name_is_viewer() -> None:
    assert find_role("cy@b.org", (), read(roles="ana@a.org=admin")) is Role.VIEWER


def test_the_actor_of_a_login_says_which_login_and_what_waits_for_a_second_person() -> None:
    at = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    session = Session(7, "ana@a.org", at, at, at, "10.0.0.7")
    actor = build_actor(session, read(roles=ROLES, approvals="erase, keys"))
    assert (actor.via, actor.place, actor.role) == ("login 7", "10.0.0.7", Role.ADMIN)
    assert actor.second == {Act.ERASE, Act.KEYS}


def test_a_domain_lets_in_its_people_and_nobody_of_another() -> None:
    settings = read(allowed_emails="ada@b.org, @A.org")
    assert is_allowed("ben@a.org", settings)
    assert is_allowed("Ada@b.org", settings)
    assert not any(
        is_allowed(email, settings)
        for email in ("ben@x.a.org", "ben@aa.org", "a.org", "ben@b.org", "ben@a.org@c.org")
    )
