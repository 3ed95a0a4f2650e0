"""The saving of a redo policy against never redoing, from the labels that there are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.decisions.threshold import LabelledScores, cost_redo
from core.domain.decisions.policy import RedoCosts
from core.stats.intervals import Interval, block_sums, divide_sums, estimate_by_blocks


@dataclass(frozen=True, slots=True)
class Saving:
    """The cost that redoing saves a request, in the team's unit, with its 95 % limits by days; None
    where no labelled work scores under the threshold. The limits are infinite for one day."""

    a_request: Interval | None
    n_labels: int
    n_under: int  # labels of work that scores under the threshold
    n_days: int


def measure_saving(
    labelled: LabelledScores, day: NDArray[np.int64], bar: float, costs: RedoCosts, threshold: float
) -> Saving:
    """Return the mean, over all work, of what redoing the work under the threshold saves: the cost
    of showing it as it is, minus that of a redo and the bad work that comes of it. `day` numbers
    the day of each row; rows count by their weights, so that work which chance let through stands
    for what was redone.

    >>> scores, truths = np.array([40.0, 50.0, 80.0, 90.0]), np.array([20.0, 20.0, 70.0, 90.0])
    >>> labelled = LabelledScores(scores, truths, np.ones(4))
    >>> day, costs = np.array([0, 1, 0, 1]), RedoCosts(1.0, 10.0, 0.1)
    >>> measure_saving(labelled, day, 60.0, costs, 60.0)
    Saving(a_request=Interval(value=4.0, low=4.0, high=4.0), n_labels=4, n_under=2, n_days=2)
    """
    under = labelled.scores < threshold
    n_days = len(np.unique(day))
    if not under.any():
        return Saving(None, len(labelled), 0, n_days)
    saved = np.where(under, costs.bad * labelled.find_bad(bar) - cost_redo(costs), 0.0)
    columns = np.column_stack([labelled.weights * saved, labelled.weights])
    (mean,) = estimate_by_blocks(block_sums(columns, day), divide_sums)
    limits = None if mean is None else mean.find_limits()
    return Saving(limits, len(labelled), int(under.sum()), n_days)
