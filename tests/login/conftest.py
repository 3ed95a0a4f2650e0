"""A login provider for the tests of the login."""

from collections.abc import Iterator

import pytest

from tests.conftest import NOON
from tests.oidc import OidcProvider, run_provider


@pytest.fixture(scope="session")
def running_provider() -> Iterator[OidcProvider]:
    """One provider for the whole run."""
    with run_provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: OidcProvider) -> Iterator[OidcProvider]:
    """A provider that behaves, whose clock says noon."""
    running_provider.reset()
    running_provider.now = int(NOON.timestamp())
    yield running_provider
    running_provider.reset()
