"""The role of a person, by e-mail, group or domain, and the actor of a login; pure."""

from collections.abc import Sequence

from core.domain.actor import Act, Actor, Role
from core.domain.installation import Session
from core.login.identity import find_domain
from core.settings import Settings


def find_role(email: str, groups: Sequence[str], settings: Settings) -> Role:
    """Return the role of a person: the one of the e-mail; else the highest of the groups and the
    domain; else that of everybody, which is viewer unless the setting says otherwise. Without the
    setting, whoever may log in is admin.

    >>> given = Settings(roles=(("@a.org", "operator"), ("ana@a.org", "viewer")))
    >>> find_role("ben@a.org", (), given).value, find_role("ana@a.org", (), given).value
    ('operator', 'viewer')
    """
    if not settings.roles:
        return Role.ADMIN
    given = {who: Role(role) for who, role in settings.roles}
    if email in given:
        return given[email]
    keys = [f"group:{group}" for group in groups] + [find_domain(email)]
    found = [given[key] for key in keys if key in given] or [given.get("*", Role.VIEWER)]
    return max(found, key=list(Role).index)


def build_actor(session: Session, settings: Settings) -> Actor:
    """Return the actor of a login."""
    return Actor(
        session.email,
        find_role(session.email, session.groups, settings),
        f"login {session.id}",
        session.place,
        second=frozenset(map(Act, settings.approvals)),
    )
