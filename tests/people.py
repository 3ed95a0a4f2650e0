"""People who act in tests: each may do everything, unless the test says otherwise."""

from core.domain.actor import Actor, Role

ROLE = Role.ADMIN


def person(name: str, role: Role = ROLE) -> Actor:
    """Return a person at the command line."""
    return Actor(name, role)
