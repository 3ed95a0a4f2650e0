"""A recipe fitted on the training rows: its parameters, its folds, and what it made of columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.job import Progress
from core.errors import Refused
from core.settings import Scale
from core.stats.conformal import band_widths, half_width
from core.stats.metrics import mae
from core.training.anatomy import find_encoder, list_absent
from core.training.folds import split_folds
from core.training.recipe import Fold, Recipe, Search, TrainingRows
from core.training.rows import Rows, name_features

_RECENT_FOLDS = 2
_HOLDOUT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Fitted:
    """`half_width` is the 90 % interval's, and `bands` its widths by the score as (highest score,
    half-width), from the training rows' own folds; the holdout has no part in any of this."""

    pipeline: Any
    search: Search
    kinds: Mapping[str, str]  # the columns that are used -> "numeric" or "category"
    dropped: Mapping[str, str]  # the others -> why not
    cv: Mapping[str, Mapping[str, float]]
    half_width: float | None
    bands: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows of a fold that it did not fit on."""

    scores: NDArray[np.float64]
    residuals: NDArray[np.float64]  # truth minus score


def fit_recipe(
    recipe: Recipe, train: Rows, *, by_time: bool, scale: Scale, seed: int, progress: Progress
) -> Fitted:
    """Choose the recipe's parameters, judge them fold by fold, and fit on all training rows.

    The interval's width rests on the residuals of rows that each fold did not fit on, where rows
    are ordered by time on those of the newest two folds. Raises `Refused` where the recipe cannot
    learn from the rows."""
    folds = split_folds(train.at_seconds if by_time else None, train.together, seed=seed)
    try:
        search = recipe.search(
            TrainingRows(train.features, train.target, folds), seed, _part(progress, 0.1, 0.45)
        )
        judged = _judge_folds(recipe, search, train, folds, scale, seed, _part(progress, 0.45, 0.7))
        progress(0.7, f"fitting {recipe.name} on {len(train.target):,} rows")
        pipeline = recipe.build(seed, search.parameters).fit(train.features, train.target)
    except ValueError as error:
        raise Refused(
            f"The recipe '{recipe.name}' cannot learn from these rows: {error}"
        ) from error
    place = find_encoder(pipeline)
    encoder = None if place is None else pipeline[place]
    everything = dict.fromkeys(name_features(train.features), "numeric")
    return Fitted(
        pipeline=pipeline,
        search=search,
        kinds=dict(getattr(encoder, "kinds_", everything)),
        dropped={**list_absent(pipeline), **getattr(encoder, "dropped_", {})},
        cv=_summarize_folds(judged),
        **_find_widths(judged[-_RECENT_FOLDS:] if by_time else judged),
    )


def claim_at_random(
    recipe: Recipe, search: Search, rows: Rows, *, scale: Scale, seed: int
) -> float:
    """The MAE that a plain random split of the same rows would have claimed, rows of one group,
    copies and days on both sides; shown beside the honest one."""
    order = np.random.default_rng(seed).permutation(len(rows.target))
    n_holdout = max(1, round(len(order) * _HOLDOUT_SHARE))
    judge, fit = np.sort(order[:n_holdout]), np.sort(order[n_holdout:])
    return mae(rows.target[judge], score_fold(recipe, search, rows, (fit, judge), scale, seed))


def score_fold(
    recipe: Recipe, search: Search, rows: Rows, fold: Fold, scale: Scale, seed: int
) -> NDArray[np.float64]:
    """The scores of the rows to judge by a pipeline that was fitted on the others."""
    fit, judge = fold
    pipeline = recipe.build(seed, search.parameters)
    pipeline.fit(rows.features.iloc[fit], rows.target[fit])
    scores = np.asarray(pipeline.predict(rows.features.iloc[judge]), dtype=np.float64)
    return np.clip(scores, scale.low, scale.high)


def _judge_folds(
    recipe: Recipe,
    search: Search,
    train: Rows,
    folds: tuple[Fold, ...],
    scale: Scale,
    seed: int,
    progress: Progress,
) -> list[_Judged]:
    judged = []
    for i, fold in enumerate(folds):
        progress(i / len(folds), f"cross-validation, fold {i + 1} of {len(folds)}")
        scores = score_fold(recipe, search, train, fold, scale, seed)
        judged.append(_Judged(scores, train.target[fold[1]] - scores))
    return judged


def _summarize_folds(judged: list[_Judged]) -> dict[str, dict[str, float]]:
    if not judged:
        return {}
    maes = [float(np.mean(np.abs(fold.residuals))) for fold in judged]
    return {"mae": {"mean": float(np.mean(maes)), "std": float(np.std(maes, ddof=1))}}


def _find_widths(judged: list[_Judged]) -> dict[str, Any]:
    if not judged:
        return {"half_width": None}
    scores = np.concatenate([fold.scores for fold in judged])
    residuals = np.concatenate([fold.residuals for fold in judged])
    return {
        "half_width": half_width(residuals),
        "bands": tuple(band_widths(scores, residuals)),
    }


def _part(progress: Progress, start: float, end: float) -> Progress:
    """Progress over a part of the whole."""
    return lambda share, message: progress(start + share * (end - start), message)
