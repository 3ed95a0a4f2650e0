"""The folds of a search as matrices: everything before the model fitted once for all candidates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.job import Progress
from core.training.models.objective import Aim, center_residuals, measure_loss
from core.training.models.recipe import TrainingRows

MAX_ROWS = 10_000
"""Rows of a fold that a search fits on; more are thinned out evenly. Which parameters are best
changes slowly with the rows, and what is chosen is fitted on all of them."""


@dataclass(frozen=True, slots=True)
class FoldMatrix:
    """The rows of a fold as a model sees them."""

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64] | None
    X_judge: NDArray[np.float64]
    y_judge: NDArray[np.float64]
    group: NDArray[np.int64] | None = None  # of the rows to judge, see `TrainingRows.group`

    def measure(self, scores: NDArray[np.float64], aim: Aim) -> float:
        """Return the loss of scores of the rows to judge, shape (n_judge,)."""
        return measure_loss(center_residuals(self.y_judge - scores, self.group), aim)


def prepare_folds(
    front: Callable[[], Any], rows: TrainingRows, progress: Progress
) -> list[FoldMatrix]:
    """Each fold behind a fresh `front()`, the steps of a pipeline before its model, which learns
    from the rows to fit on alone: what it selects or imputes has never seen the rows that judge."""
    found = []
    for i, (fit, judge) in enumerate(rows.folds):
        progress(i / len(rows.folds), f"preparing fold {i + 1} of {len(rows.folds)}")
        fit = thin(fit, MAX_ROWS)
        judge = thin(judge, MAX_ROWS) if rows.group is None else _thin_groups(judge, rows.group)
        steps = front()
        X = steps.fit_transform(rows.features.iloc[fit], rows.target[fit])
        found.append(
            FoldMatrix(
                X,
                rows.target[fit],
                None if rows.weight is None else rows.weight[fit],
                steps.transform(rows.features.iloc[judge]),
                rows.target[judge],
                None if rows.group is None else rows.group[judge],
            )
        )
    return found


def thin(rows: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """At most `limit` of the rows, evenly taken.

    >>> thin(np.arange(10), 4).tolist()
    [0, 3, 6, 9]
    """
    return rows[:: max(1, -(-len(rows) // limit))]


def _thin_groups(rows: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return about `MAX_ROWS` of the rows at most, in whole groups."""
    kept = np.unique(group[rows])[:: max(1, -(-len(rows) // MAX_ROWS))]
    return rows[np.isin(group[rows], kept)]


def count_rows(folds: Sequence[FoldMatrix]) -> int:
    """The most rows that any fold fits on; 0 without folds."""
    return max((len(fold.y) for fold in folds), default=0)
