"""Steps of a generator that a thread computes ahead of their use."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")


def work_ahead(steps: Generator[T], n_ahead: int, name: str) -> Generator[T]:
    """Yield the results of a generator, computed in a thread of this name, at most `n_ahead` ahead;
    none may be None. An exception of the generator is raised at its place.

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
