"""Work that a thread does a few steps ahead of whoever takes its results."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")


def work_ahead(steps: Generator[T], n_ahead: int, name: str) -> Generator[T]:
    """What a generator yields, made in a thread of this name while the caller works, at most so
    many ahead; none of them may be None. What the generator raises is raised in its place.

    >>> list(work_ahead((n * n for n in range(4)), 2, "squares"))
    [0, 1, 4, 9]
    """
    with closing(steps), ThreadPoolExecutor(1, thread_name_prefix=name) as thread:
        asked = deque(thread.submit(next, steps, None) for _ in range(n_ahead))
        try:
            while (step := asked.popleft().result()) is not None:
                asked.append(thread.submit(next, steps, None))
                yield step
        finally:
            thread.shutdown(cancel_futures=True)
