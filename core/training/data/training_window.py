"""The training window: how much of the past to learn from, chosen by what it would have brought."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core import text
from core.domain.job import Progress
from core.errors import InvalidInput
from core.training.data.rows import split_folds
from core.training.models.fold_matrices import MAX_ROWS, thin
from core.training.models.parallel import fit_side_by_side
from core.training.models.recipe import Fold

AUTO, ALL = "auto", "all"
DAYS = (28, 91, 182, 364)
HALF_LIVES = (28, 91, 364)
MIN_ROWS = 60

_DAY_SECONDS = 86_400.0
_N_PARTS, _N_JUDGED = 9, 5

Loss = Callable[["TrainingWindow", Fold], float]
"""The mean absolute error on a fold's rows to judge of a model fitted on its others, all of which
are in the window, by the window's weights."""


@dataclass(frozen=True, slots=True)
class TrainingWindow:
    """All history where both are None; else the newest days, or weights that halve every so many
    days of age."""

    days: float | None = None
    half_life: float | None = None

    @property
    def words(self) -> str:
        """Describe the rows that are learned from.

        >>> TrainingWindow(days=182).words, TrainingWindow(half_life=91).words
        ('the last 182 days', 'all history, weights halved every 91 days')
        """
        if self.days is not None:
            return f"the last {self.days:g} days"
        if self.half_life is not None:
            return f"all history, weights halved every {self.half_life:g} days"
        return "all history"

    def pick(self, at_seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Positions of the rows that are inside; those without a time are only in all history.

        >>> TrainingWindow(days=1).pick(np.array([0.0, 50_000.0, 100_000.0])).tolist()
        [1, 2]
        """
        if self.days is None:
            return np.arange(len(at_seconds))
        newest = np.nanmax(at_seconds)
        return np.flatnonzero(at_seconds > newest - self.days * _DAY_SECONDS)

    def weigh(self, at_seconds: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the weight of each row, 1 on average: 2^(-age / half-life), a row without a time
        as the oldest; None if all weigh the same."""
        if self.half_life is None:
            return None
        at = np.where(np.isnan(at_seconds), np.nanmin(at_seconds), at_seconds)
        weight = np.exp2((at - at.max()) / (self.half_life * _DAY_SECONDS))
        return np.asarray(weight / weight.mean(), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class WindowChoice:
    """The window in force, why, and the validation's mean absolute error of each that was tried,
    by its words."""

    window: TrainingWindow
    reason: str
    tried: dict[str, float]


def parse_window(text: str) -> TrainingWindow | None:
    """`auto` (None), `all`, a number of days, or `half-life:DAYS`; raises `InvalidInput`.

    >>> parse_window("auto"), parse_window("182"), parse_window("half-life:91").half_life
    (None, TrainingWindow(days=182.0, half_life=None), 91.0)
    """
    if text == AUTO:
        return None
    if text == ALL:
        return TrainingWindow()
    found = re.fullmatch(r"(half-life:)?(\d+(?:\.\d+)?)", text.strip())
    if found is None or float(found[2]) <= 0:
        raise InvalidInput(
            f"'{text}' is not a training window: say auto, all, a number of days such as 182, or "
            "half-life:91."
        )
    number = float(found[2])
    return TrainingWindow(half_life=number) if found[1] else TrainingWindow(days=number)


def choose_window(
    at_seconds: NDArray[np.float64],
    together: NDArray[np.int64],
    loss: Loss,
    *,
    weights: bool,
    progress: Progress,
) -> WindowChoice:
    """The window that would have served best: the training rows are cut into ten parts by time, and
    each of the newest five is scored by models fitted on the windows of what precedes it. All
    history stays in force unless another's error is smaller by more than two standard errors over
    the five parts, or smaller in every one of them by 2 % in all. `weights` says whether the model
    takes any. Of a window's rows in a fold at most 10,000 are fitted on, evenly taken."""
    folds = split_folds(at_seconds, together, seed=0, n_folds=_N_PARTS)[-_N_JUDGED:]
    candidates = list_candidates(at_seconds, folds, weights=weights)
    if len(folds) < _N_JUDGED or len(candidates) < 2:
        return WindowChoice(TrainingWindow(), "all history: it is too short to choose from", {})
    pairs = [(window, fold) for window in candidates for fold in folds]

    def say(n_done: int) -> None:
        message = f"choosing how much of the past to learn from: {n_done} of {len(pairs)} fits"
        progress(n_done / len(pairs), message)

    fits = [partial(loss, window, _narrow(window, fold, at_seconds)) for window, fold in pairs]
    losses = np.reshape(fit_side_by_side(fits, say), (len(candidates), len(folds)))
    sizes = np.array([len(judge) for _, judge in folds])
    means = losses @ sizes / sizes.sum()
    tried = {window.words: float(mean) for window, mean in zip(candidates, means, strict=True)}
    i = int(np.argmin(means))
    if not i or not _is_better(losses[0] - losses[i], means[0], means[i]):
        best = candidates[int(np.argmin(means[1:])) + 1].words
        return WindowChoice(
            TrainingWindow(),
            f"all history: MAE {text.figure(means[0])} in the validation, and no window is shown "
            "to be "
            f"better ({best}: {text.figure(means[1:].min())})",
            tried,
        )
    return WindowChoice(
        candidates[i],
        f"{candidates[i].words}: MAE {text.figure(means[i])} against {text.figure(means[0])} on "
        "all history in "
        "the validation",
        tried,
    )


def list_candidates(
    at_seconds: NDArray[np.float64], folds: Sequence[Fold], *, weights: bool
) -> list[TrainingWindow]:
    """All history first, then the windows that leave enough rows in every fold and are shorter than
    what the newest has."""
    if not folds:
        return [TrainingWindow()]
    span = np.ptp(at_seconds[folds[-1][0]][np.isfinite(at_seconds[folds[-1][0]])]) / _DAY_SECONDS
    fewest = {
        d: min(len(TrainingWindow(days=d).pick(at_seconds[fit])) for fit, _ in folds) for d in DAYS
    }
    found = [
        TrainingWindow(),
        *(TrainingWindow(days=d) for d in DAYS if d < span and fewest[d] >= MIN_ROWS),
    ]
    return found + [TrainingWindow(half_life=d) for d in HALF_LIVES if weights and d < span]


def _narrow(window: TrainingWindow, fold: Fold, at_seconds: NDArray[np.float64]) -> Fold:
    """The fold within a window; thinned only then, or a short one would seem to have few rows."""
    fit, judge = fold
    return thin(fit[window.pick(at_seconds[fit])], MAX_ROWS), thin(judge, MAX_ROWS)


def _is_better(gains: NDArray[np.float64], before: float, after: float) -> bool:
    error = float(np.std(gains, ddof=1)) / len(gains) ** 0.5
    always = bool(np.all(gains > 0)) and after < 0.98 * before
    return always or float(np.mean(gains)) > 2 * error
