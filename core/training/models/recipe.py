"""The contract of a recipe: it builds a pipeline and may choose its parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.domain.job import Progress
from core.domain.training_report import SearchAttempt
from core.training.models.objective import SQUARED, Aim

if TYPE_CHECKING:
    import pandas as pd

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Positions of the rows to fit on, and of those to judge on."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The rows that a recipe may look at; the holdout is not among them. `folds` keep the order of
    time and whole groups, so that choosing by them is as honest as the holdout; there are none
    where there are too few rows. `method` ("grid" or "smart") and `device` ("cpu" or "cuda") are
    how whoever asked for the training wants a large search done."""

    features: "pd.DataFrame"  # raw columns
    target: NDArray[np.float64]
    folds: tuple[Fold, ...]
    weight: NDArray[np.float64] | None = None  # how much each row counts; None: all the same
    group: NDArray[np.int64] | None = None
    """The request group of each row where the purpose is to pick the best of each: candidates are
    then judged by how they tell the rows of a group apart."""
    aim: Aim = field(default_factory=Aim)
    method: str = "grid"
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Search:
    """The parameters that were chosen, to be given to `build`, and how many were tried, on at most
    how many rows a fold, by what, with what loss (`measure_loss`)."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    n_combinations: int = 1
    n_folds: int = 0
    method: str = ""
    n_rows: int = 0
    loss: float | None = None
    attempts: tuple[SearchAttempt, ...] = ()

    def describe(self) -> dict[str, object]:
        """As the report, and the result of a cancelled training, have it."""
        return {
            "n_combinations": self.n_combinations,
            "n_folds": self.n_folds,
            "best": dict(self.parameters),
            "method": self.method,
            "n_rows": self.n_rows,
            "loss": self.loss,
        }


def search_nothing(rows: TrainingRows, seed: int, progress: Progress) -> Search:
    """For a recipe without parameters to choose."""
    return Search()


@dataclass(frozen=True, slots=True)
class Recipe:
    """`build(seed, parameters)` returns an unfitted scikit-learn Pipeline that takes raw rows (a
    frame or a sequence of mappings) and holds everything between them and the score. Where it
    holds the `RowEncoder`, the report names the columns that it drops and what the others
    contribute.

    `search(rows, seed, progress)` chooses the parameters, and calls `progress(share, message)`
    now and then, which is where a cancelled training stops. Where `objectives` names more than
    squared error, it passes on `rows.aim.parameters()` among them, and the last step of the
    pipeline has a method `shift(points)`."""

    name: str
    description: str  # one line for the menu
    build: Callable[[int, Mapping[str, Any]], Any]
    search: Callable[[TrainingRows, int, Progress], Search] = search_nothing
    objectives: tuple[str, ...] = (SQUARED,)
