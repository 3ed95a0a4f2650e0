"""The objectives of a training: squared error, absolute error, or being within the tolerance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput

SQUARED, ABSOLUTE, TOLERANCE = "squared", "absolute", "tolerance"
OBJECTIVES: Mapping[str, str] = {
    SQUARED: "the mean (squared error)",
    ABSOLUTE: "the median (absolute error, MAE)",
    TOLERANCE: "as many scores as possible within the tolerance",
}
"""Each objective, and what a model that knows nothing would aim at with it."""

FAR = 0.05
"""The pull of a row far outside the tolerance, beside 1 for one in the middle of it."""


@dataclass(frozen=True, slots=True)
class Aim:
    """An objective with the tolerance (points of the scale) that it may need."""

    objective: str = SQUARED
    tolerance: float = 5.0

    def parameters(self) -> dict[str, Any]:
        """Return the arguments for `build` of a recipe; empty for the default objective.

        >>> Aim().parameters(), Aim("tolerance", 2.0).parameters()
        ({}, {'objective': 'tolerance', 'tolerance': 2.0})
        """
        if self.objective == SQUARED:
            return {}
        found: dict[str, Any] = {"objective": self.objective}
        return found if self.objective == ABSOLUTE else found | {"tolerance": self.tolerance}


def check_objective(name: str) -> str:
    """The name, where there is such an objective; raises `InvalidInput` with those that exist."""
    if name not in OBJECTIVES:
        raise InvalidInput(f"'{name}' is not an objective: choose {', '.join(OBJECTIVES)}.")
    return name


def measure_loss(residuals: NDArray[np.float64], aim: Aim) -> float:
    """Return the loss that ranks candidates, smaller is better: the mean absolute error in points
    for the first two objectives, by which the gate decides too; for the third the mean of 1 -
    exp(-r² / (2 tolerance²)) after the shift to the densest window, a smooth share (0..1) of scores
    outside the tolerance.

    >>> measure_loss(np.array([-3.0, 1.0]), Aim())
    2.0
    >>> measure_loss(np.array([20.0, 20.0, 20.0, -80.0]), Aim("tolerance", 5.0))
    0.25
    """
    if aim.objective != TOLERANCE:
        return float(np.mean(np.abs(residuals)))
    shifted = residuals - densest_centre(residuals, aim.tolerance)
    return float(np.mean(1.0 - np.exp(-np.square(shifted / aim.tolerance) / 2.0)))


def center_residuals(
    residuals: NDArray[np.float64], group: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Return the residuals minus the mean of their group, shape (n_rows,): what remains is the
    error in telling the candidates of a group apart. Without groups they are returned as they are.

    >>> center_residuals(np.array([1.0, 3.0, 5.0]), np.array([7, 7, 8])).tolist()
    [-1.0, 1.0, 0.0]
    """
    if group is None:
        return residuals
    _, code = np.unique(group, return_inverse=True)
    return residuals - (np.bincount(code, residuals) / np.bincount(code))[code]


def pull(residuals: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return the weight of each row for the tolerance objective, from 1 down to 0.05.

    The loss of a residual r is L(r) = w² (1 - exp(-r² / (2 w²))) + 0.05 r² / 2, the Welsch loss
    (Dennis and Welsch 1978) with a little of the squared one, so that rows far away are not lost
    for good; L'(r) = r * pull(r), which serves iteratively reweighted least squares as its weight
    and boosting as its gradient and, since it bounds the curvature from above, its Hessian.

    >>> pull(np.array([0.0, 100.0]), 5.0)
    array([1.05, 0.05])
    """
    found: NDArray[np.float64] = np.exp(-np.square(residuals / width) / 2.0) + FAR
    return found


def densest_centre(values: NDArray[np.float64], tolerance: float) -> float:
    """The centre of a window of width 2 * tolerance that holds as many of the values as any does;
    of several such windows the middle one.

    An optimal window can always be moved until it begins at a value, so that trying each value as
    its beginning is exact. Raises `ValueError` without values.

    >>> densest_centre(np.array([0.0, 70.0, 76.0, 78.0, 100.0]), 5.0)
    74.0
    """
    if not len(values):
        raise ValueError("There are no values to find the densest window of.")
    ordered = np.sort(values)
    ends = np.searchsorted(ordered, ordered + 2 * tolerance, side="right")
    counts = ends - np.arange(len(ordered))
    best = np.flatnonzero(counts == counts.max())
    first = int(best[len(best) // 2])
    return float((ordered[first] + ordered[ends[first] - 1]) / 2)
