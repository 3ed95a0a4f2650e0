"""How many different numbers there are; pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def count_distinct(values: NDArray[Any]) -> int:
    """The number of different values, none of which is nan. By sorting: where nearly all differ, a
    table of them takes many times as long.

    >>> count_distinct(np.array([3.0, 1.0, 3.0])), count_distinct(np.array([]))
    (2, 0)
    """
    ordered = np.sort(values)
    return min(len(ordered), 1) + int(np.count_nonzero(ordered[1:] != ordered[:-1]))
