"""The follower: looks again and again, whatever a look meets."""

import threading

from core.errors import Unavailable
from core.serving.poller import Follower


class Look:
    """A look that fails while `broken`, and lets a test wait for the next one."""

    def __init__(self) -> None:
        self.broken = False
        self.semaphore = threading.Semaphore(0)

    def __call__(self) -> None:
        self.semaphore.release()
        if self.broken:
            raise Unavailable("The database is away.")

    def wait(self, n_looks: int) -> None:
        for _ in range(n_looks):
            assert self.semaphore.acquire(timeout=10)


def test_it_looks_until_it_is_stopped() -> None:
    look = Look()
    follower = Follower("test", look, 0.001)
    assert not follower.is_alive
    follower.start()
    look.wait(3)
    assert follower.is_alive
    follower.stop()
    assert not follower.is_alive


def test_a_store_that_is_away_does_not_end_it() -> None:
    look = Look()
    look.broken = True
    follower = Follower("test", look, 0.001)
    follower.start()
    look.wait(3)
    look.broken = False
    look.wait(3)
    assert follower.is_alive
    follower.stop()


def test_stopping_what_was_never_started_is_nothing() -> None:
    Follower("test", Look(), 0.001).stop()
