"""The learning curve: the same recipe on fewer rows, to see whether more would help."""

import numpy as np
from numpy.typing import NDArray

from core.data.splits import Split
from core.domain.job import Progress
from core.domain.report import CurvePoint, Estimate
from core.errors import Refused
from core.settings import Scale
from core.stats.intervals import mean_of_blocks
from core.training.diagnose import estimate
from core.training.evaluate import Blocks, compare_scores
from core.training.fitting import score_fold
from core.training.recipe import Recipe, Search
from core.training.rows import Rows
from core.training.window import Window

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
    window: Window | None = None,
    shift: float = 0.0,
) -> tuple[tuple[CurvePoint, ...], Estimate | None]:
    """The MAE on the holdout after learning from an eighth, a quarter, half and all of the training
    rows (those of the training window), drawn so that each part holds the one before and no group
    is torn; and how much smaller it became by the last doubling, None where half of the rows were
    too few. `scores` are those of the model that learned from all, weighed by `window` and
    shifted by so many points."""
    actual = rows.target[split.holdout]
    points, doubling = [], None
    weight = None if window is None else window.weigh(rows.at_seconds)
    draw = _draw(rows.together[split.train], seed)
    for part in PARTS:
        fit = split.train[draw < part]
        if len(fit) < MIN_ROWS:
            continue
        progress(part, f"learning from {len(fit):,} rows only, to see whether more would help")
        try:
            fold = fit, split.holdout
            fewer = score_fold(recipe, search, rows, fold, scale, seed, weight)
        except (Refused, ValueError):  # what all rows taught, few may not
            continue
        fewer = np.clip(fewer + shift, scale.low, scale.high)
        points.append(_build_point(len(fit), actual, fewer, blocks))
        if part == PARTS[-1]:
            _, doubling, _ = compare_scores(actual, fewer, scores, blocks=blocks, seed=seed)
    points.append(_build_point(len(split.train), actual, scores, blocks))
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
