"""Work ahead: the same results in the same order, a few of them early, and nothing left behind."""

import threading
from collections.abc import Generator

import pytest

from core.data.tables.prefetch import work_ahead


def test_steps_are_made_while_nobody_takes_them_and_no_more_than_asked() -> None:
    made: list[int] = []
    enough = threading.Event()

    def count() -> Generator[int]:
        for n in range(9):
            made.append(n)
            if len(made) == 4:
                enough.set()
            yield n

    steps = work_ahead(count(), 3, "test")
    assert next(steps) == 0
    assert enough.wait(10), "the one that was taken, and three ahead of it"
    assert list(steps) == list(range(1, 9))
    assert made == list(range(9))


def test_what_goes_wrong_comes_after_what_went_well_before_it() -> None:
    def fail() -> Generator[int]:
        yield 1
        yield 2
        raise ValueError("no third")

    steps = work_ahead(fail(), 5, "test")
    assert [next(steps), next(steps)] == [1, 2]
    with pytest.raises(ValueError, match="no third"):
        next(steps)


def test_whoever_stops_early_leaves_no_thread_and_nothing_open() -> None:
    ended = threading.Event()

    def forever() -> Generator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    steps = work_ahead(forever(), 2, "left-behind")
    next(steps)
    steps.close()
    assert ended.is_set()
    assert not [one for one in threading.enumerate() if one.name.startswith("left-behind")]
