"""What single columns are worth: by themselves before training, and to a trained pipeline."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.features.values import levels_of, numbers_of
from core.stats.association import category_p_value, holm, number_p_value

if TYPE_CHECKING:
    import pandas as pd

_MAX_ROWS = 20_000
_MAX_PERMUTED = 1_000


def find_related(
    frame: "pd.DataFrame", target: NDArray[np.float64], kinds: Mapping[str, str], *, seed: int
) -> tuple[str, ...]:
    """The columns that say something about the target by themselves, at the 1 % level over all of
    them together (Holm), strongest first. `kinds` are the encoder's."""
    rows = _some(len(frame), _MAX_ROWS, seed)
    part, outcome = frame.iloc[rows], target[rows]
    return holm(
        {
            name: (
                number_p_value(numbers_of(part, name), outcome)
                if kind == "numeric"
                else category_p_value(levels_of(part, name), outcome)
            )
            for name, kind in kinds.items()
        }
    )


def measure_importance(
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    matrix: NDArray[np.float64],
    target: NDArray[np.float64],
    sources: Sequence[str],
    *,
    seed: int,
) -> dict[str, float]:
    """Each raw column's share (0..1, in all 1) of what the error grows by when its values are
    shuffled between the rows (Breiman 2001, on rows that were not trained on), largest first; 0
    where it does not grow. Of columns that say the same, each looks less important than they are
    together.

    `matrix` holds the encoded rows, `sources` the raw column of each of its columns: since each row
    is encoded by itself, shuffling these is shuffling the raw values. At most 1,000 rows are used.

    >>> matrix = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    >>> measure_importance(lambda rows: rows[:, 0], matrix, matrix[:, 0], ["a", "b"], seed=0)
    {'a': 1.0, 'b': 0.0}
    """
    rng = np.random.default_rng(seed)
    rows = _some(len(matrix), _MAX_PERMUTED, seed)
    part, outcome = matrix[rows], target[rows]
    before = float(np.mean(np.abs(outcome - score(part))))
    growth = {}
    for name in dict.fromkeys(sources):
        columns = [i for i, source in enumerate(sources) if source == name]
        kept = part[:, columns].copy()
        part[:, columns] = kept[rng.permutation(len(part))]
        growth[name] = max(0.0, float(np.mean(np.abs(outcome - score(part)))) - before)
        part[:, columns] = kept
    total = sum(growth.values())
    shares = {name: value / total if total > 0 else 0.0 for name, value in growth.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _some(n: int, limit: int, seed: int) -> NDArray[np.int64]:
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))
