"""The learning curve: the same recipe on fewer rows, to see whether more would help."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.data.splits import Split
from core.domain.job import Progress
from core.domain.training_report import CurvePoint, Estimate
from core.errors import Refused
from core.settings import Scale
from core.stats.intervals import mean_of_blocks
from core.training.data.rows import Rows
from core.training.data.training_window import TrainingWindow
from core.training.evaluate.cross_validation import score_fold
from core.training.evaluate.error_slices import estimate
from core.training.evaluate.metrics import Blocks, compare_scores
from core.training.search.parallel import fit_side_by_side
from core.training.search.recipe import Recipe, Search

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
        _, doubling, _ = compare_scores(actual, found[-1], scores, blocks=blocks, seed=seed)
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
