"""A login provider for the tests of the login."""

from tests.oidc import provider, running_provider

__all__ = ["provider", "running_provider"]
