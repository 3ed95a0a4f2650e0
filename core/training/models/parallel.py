"""Independent fits side by side, as many at once as this process may use cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

_T = TypeVar("_T")


def fit_side_by_side(fits: Sequence[Callable[[], _T]], on_done: Callable[[int], None]) -> list[_T]:
    """Return the results of the fits, in their order. They run in threads, since XGBoost and numpy
    release Python's lock, and each on one core, since more threads than cores wait for each other.

    `on_done` hears in the caller's own thread how many have ended, and may raise to stop: what has
    begun then ends, and nothing else begins. So does what a fit raises.

    >>> fit_side_by_side([lambda: "a", lambda: "b"], lambda n_done: None)
    ['a', 'b']
    """
    with ThreadPoolExecutor(count_cores()) as pool:
        waiting = [pool.submit(fit) for fit in fits]
        try:
            for n_done, future in enumerate(as_completed(waiting), 1):
                future.result()
                on_done(n_done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return [future.result() for future in waiting]


def count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
