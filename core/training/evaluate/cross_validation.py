"""Error by cross-validation and by the number of training rows (the learning curve)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.splits import Split
from core.domain.job import Progress
from core.domain.training_report import CurvePoint, Estimate
from core.errors import Refused
from core.settings import Scale
from core.stats.intervals import mean_of_blocks
from core.stats.metrics import mae
from core.training.data.rows import Rows
from core.training.data.training_window import TrainingWindow
from core.training.evaluate.error_slices import estimate
from core.training.evaluate.metrics import Blocks, compare_scores
from core.training.models.fold_matrices import thin
from core.training.models.parallel import fit_side_by_side
from core.training.models.recipe import Fold, Recipe, Search

MAX_ROWS = 100_000
"""Rows that a fold fits on, and that it judges: more are thinned out evenly, since five more fits
on a million would tell the error no more exactly. The version itself is fitted on all."""

_HOLDOUT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Rows of a fold that it did not fit on."""

    scores: NDArray[np.float64]
    residuals: NDArray[np.float64]  # truth minus score


def fit_pipeline(
    pipeline: Any, rows: Rows, fit: NDArray[np.int64], weight: NDArray[np.float64] | None
) -> None:
    """Fit on some of the rows; `weight` has one for each of all rows."""
    given = {} if weight is None else {f"{pipeline.steps[-1][0]}__sample_weight": weight[fit]}
    pipeline.fit(rows.features.iloc[fit], rows.target[fit], **given)


def score_fold(
    recipe: Recipe,
    search: Search,
    rows: Rows,
    fold: Fold,
    scale: Scale,
    seed: int,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """The scores of the rows to judge by a pipeline that was fitted on the others; `weight` has one
    for each of all rows."""
    fit, judge = fold
    pipeline = recipe.build(seed, search.parameters)
    fit_pipeline(pipeline, rows, fit, weight)
    scores = np.asarray(pipeline.predict(rows.features.iloc[judge]), dtype=np.float64)
    return np.clip(scores, scale.low, scale.high)


def judge_folds(
    recipe: Recipe,
    search: Search,
    rows: Rows,
    folds: Sequence[Fold],
    weight: NDArray[np.float64] | None,
    scale: Scale,
    seed: int,
    progress: Progress,
) -> list[CrossValidated]:
    """Each fold's rows to judge by a pipeline that was fitted on its others."""

    def judge(fold: Fold) -> CrossValidated:
        fold = thin(fold[0], MAX_ROWS), thin(fold[1], MAX_ROWS)
        scores = score_fold(recipe, search, rows, fold, scale, seed, weight)
        return CrossValidated(scores, rows.target[fold[1]] - scores)

    def say(n_done: int) -> None:
        progress(n_done / len(folds), f"cross-validation: {n_done} of {len(folds)} folds")

    return fit_side_by_side([partial(judge, fold) for fold in folds], say)


def claim_at_random(
    recipe: Recipe, search: Search, rows: Rows, *, scale: Scale, seed: int
) -> float:
    """The MAE that a plain random split of the same rows would have claimed, rows of one group,
    copies and days on both sides; shown beside the honest one."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(_pick_whole(rows.together, rng))
    n_holdout = max(1, round(len(order) * _HOLDOUT_SHARE))
    judge, fit = np.sort(order[:n_holdout]), np.sort(order[n_holdout:])
    return mae(rows.target[judge], score_fold(recipe, search, rows, (fit, judge), scale, seed))


def _pick_whole(together: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """About as many rows as a fold fits on at most, none without those that stay together with it:
    a random split flatters by what it tears apart."""
    if len(together) <= MAX_ROWS:
        return np.arange(len(together))
    names, index = np.unique(together, return_inverse=True)
    drawn = rng.random(len(names)) < MAX_ROWS / len(together)
    return np.flatnonzero(drawn[index])


PARTS = (1 / 8, 1 / 4, 1 / 2)
MIN_ROWS = 30


def measure_curve(
    recipe: Recipe,
    search: Search,
    rows: Rows,
    split: Split,
    scores: NDArray[np.float64],
    *,
    blocks: Blocks,
    scale: Scale,
    seed: int,
    progress: Progress,
    window: TrainingWindow | None = None,
    shift: float = 0.0,
) -> tuple[tuple[CurvePoint, ...], Estimate | None]:
    """The MAE on the holdout after learning from an eighth, a quarter, half and all of the training
    rows (those of the training window), drawn so that each part holds the one before and no group
    is torn; and how much smaller it became by the last doubling, None where half of the rows were
    too few. `scores` are those of the model that learned from all, weighed by `window` and
    shifted by so many points."""
    weight = None if window is None else window.weigh(rows.at_seconds)

    def learn_fewer(fit: NDArray[np.int64]) -> NDArray[np.float64] | None:
        try:
            fewer = score_fold(recipe, search, rows, (fit, split.holdout), scale, seed, weight)
        except (Refused, ValueError):  # what all rows taught, few may not
            return None
        return np.clip(fewer + shift, scale.low, scale.high)

    draw = _draw(rows.together[split.train], seed)
    parts = [split.train[draw < part] for part in PARTS]
    parts = [fit for fit in parts if len(fit) >= MIN_ROWS]
    progress(0.0, "learning from fewer rows, to see whether more would help")
    found = fit_side_by_side(
        [partial(learn_fewer, fit) for fit in parts],
        lambda n_done: progress(
            n_done / len(parts), f"learning from fewer rows: {n_done} of {len(parts)} fits"
        ),
    )
    actual, doubling = rows.target[split.holdout], None
    if found and found[-1] is not None:
        _, doubling, _ = compare_scores(actual, found[-1], scores, blocks=blocks)
    learned = [*zip(parts, found, strict=True), (split.train, scores)]
    points = [
        _build_point(len(fit), actual, fewer, blocks) for fit, fewer in learned if fewer is not None
    ]
    return tuple(point for point in points if point is not None), doubling


def _draw(together: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """A number in 0..1 for each row that rows which stay together share."""
    names, index = np.unique(together, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    drawn: NDArray[np.float64] = (order[index] + 0.5) / len(names)
    return drawn


def _build_point(
    n_rows: int, actual: NDArray[np.float64], scores: NDArray[np.float64], blocks: Blocks
) -> CurvePoint | None:
    mae = mean_of_blocks(np.abs(actual - scores), blocks.index, run=blocks.run)
    return None if mae is None else CurvePoint(n_rows, estimate(mae, lowest=0.0))
