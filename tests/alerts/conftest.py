"""What the tests of alerts share: a receiver of messages, and incidents to send."""

from collections.abc import Iterator

import pytest

from tests.alerts.receiver import Receiver, run_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server that takes messages."""
    with run_receiver() as running:
        yield running
