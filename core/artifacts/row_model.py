"""Row models: the last step of a pipeline as a function of one row's numbers, or of a few rows'."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float]
RowModel = Callable[[Values], float]
"""The score of one row. One that has the method `score_rows` scores several quicker together."""


class WeightedSum:
    """The scores of some models, each times its weight.

    >>> WeightedSum([(1.0, sum), (0.5, max)])([2.0, 4.0])
    8.0
    """

    def __init__(self, parts: Sequence[tuple[float, RowModel]]) -> None:
        self._parts = parts

    def __call__(self, values: Values) -> float:
        return sum(weight * model(values) for weight, model in self._parts)

    def score_rows(self, rows: Sequence[Values]) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""
        total = np.zeros(len(rows))
        for weight, model in self._parts:
            total += weight * score_each(model, rows)
        return total


def score_each(model: RowModel, rows: Sequence[Values]) -> NDArray[np.float64]:
    """The scores of some rows, together where the model can.

    >>> score_each(sum, [[1.0, 2.0], [3.0, 4.0]]).tolist()
    [3.0, 7.0]
    """
    together = getattr(model, "score_rows", None)
    scores = [model(values) for values in rows] if together is None else together(rows)
    return np.asarray(scores, dtype=np.float64)
