"""A recipe fitted on the training rows: its parameters, its folds, and what it made of columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.dataset import TEXT
from core.domain.job import Progress, part_of
from core.errors import Refused, find_library
from core.features.encoder import NoColumn
from core.settings import Scale
from core.stats.conformal import band_widths, half_width
from core.stats.metrics import mae
from core.training.data.rows import Rows, name_features, split_folds
from core.training.data.training_window import (
    TrainingWindow,
    WindowChoice,
    choose_window,
    parse_window,
)
from core.training.evaluate.cross_validation import CrossValidated, fit_pipeline, judge_folds
from core.training.explain.pipeline_inspection import find_encoder, list_absent
from core.training.models.objective import TOLERANCE, Aim, densest_centre
from core.training.models.recipe import Fold, Recipe, Search, TrainingRows
from core.training.plan import PICK, TrainingPlan

_RECENT_FOLDS = 2
_WEAK = "not selected: it says hardly more about the target than its own values shuffled"


@dataclass(frozen=True, slots=True)
class Fitted:
    """`half_width` is the 90 % interval's, and `bands` its widths by the score as (highest score,
    half-width), from the training rows' own folds; the holdout has no part in any of this."""

    pipeline: Any
    search: Search
    kinds: Mapping[str, str]  # the columns that could be used -> "numeric" or "category"
    selected: tuple[str, ...]  # those that the model reads
    dropped: Mapping[str, str]  # the others -> why not
    cv: Mapping[str, Mapping[str, float]]
    half_width: float | None
    window: WindowChoice
    inside: NDArray[np.int64]  # positions of the training rows that are in the window
    shift: float  # points that every score is shifted by, for the tolerance objective
    bands: tuple[tuple[float, float], ...] = ()


def fit_recipe(
    recipe: Recipe,
    train: Rows,
    *,
    by_time: bool,
    scale: Scale,
    seed: int,
    progress: Progress,
    plan: TrainingPlan | None = None,
    tolerance: float = 5.0,
) -> Fitted:
    """Choose the training window and the recipe's parameters, judge them fold by fold, and fit on
    all rows of the window.

    With the tolerance objective every score is shifted in the end by the centre of the densest
    window of the folds' residuals: that is where most scores are within the tolerance, whatever
    surrogate the recipe has followed. The interval's width rests on the residuals of rows that each
    fold did not fit on, where rows are ordered by time on those of the newest two folds. Raises
    `Refused` where the recipe cannot learn from the rows."""
    plan = plan or TrainingPlan()
    aim = Aim(plan.objective, tolerance)
    if aim.objective not in recipe.objectives:
        raise Refused(
            f"The recipe '{recipe.name}' cannot aim at '{aim.objective}', only at "
            f"{', '.join(recipe.objectives)}: choose one of these, or another recipe."
        )
    try:
        choice = _choose_window(recipe, train, aim, plan, by_time, seed, progress)
        inside = choice.window.pick(train.at_seconds)
        rows = train.pick(inside)
        weight = choice.window.weigh(rows.at_seconds)
        folds = split_folds(rows.at_seconds if by_time else None, rows.together, seed=seed)
        search = _search(
            recipe,
            TrainingRows(
                rows.features,
                rows.target,
                folds,
                weight,
                rows.group if plan.purpose == PICK else None,
                aim,
                plan.search,
                plan.device,
            ),
            plan,
            seed,
            part_of(progress, 0.15, 0.45),
        )
        judged = judge_folds(
            recipe, search, rows, folds, weight, scale, seed, part_of(progress, 0.45, 0.7)
        )
        progress(0.7, f"fitting {recipe.name} on {len(rows.target):,} rows")
        pipeline = recipe.build(seed, search.parameters)
        fit_pipeline(pipeline, rows, np.arange(len(rows.target)), weight)
    except ValueError as error:
        if "bad_alloc" in str(error):  # XGBoost's errors are values that are wrong, this one too
            raise MemoryError from error
        raise Refused(
            f"The recipe '{recipe.name}' cannot learn from these rows: {_explain(error, train)}"
        ) from error
    shift = _find_shift(judged, aim)
    if shift:
        pipeline[-1].shift(shift)
        judged = [CrossValidated(fold.scores + shift, fold.residuals - shift) for fold in judged]
    kinds, selected, dropped = _describe_columns(pipeline, rows)
    return Fitted(
        pipeline=pipeline,
        search=search,
        kinds=kinds,
        selected=selected,
        dropped=dropped,
        cv=_summarize_folds(judged),
        window=choice,
        inside=inside,
        shift=shift,
        **_find_widths(judged[-_RECENT_FOLDS:] if by_time else judged),
    )


def _explain(error: ValueError, train: Rows) -> str:
    """Return the error in a sentence that says what to do: what a library says of the numbers it
    got means nothing to whoever sent rows."""
    if isinstance(error, NoColumn) and error.dropped and TEXT in train.features.columns:
        return f"{error} They have a text, which the recipe 'text' reads: train that."
    library = find_library(error)
    if library is None:
        return str(error)
    return (
        f"{library} cannot fit their numbers. Look for columns of extreme or constant values among "
        "the issues of the data, and leave these out."
    )


def _choose_window(
    recipe: Recipe,
    train: Rows,
    aim: Aim,
    plan: TrainingPlan,
    by_time: bool,
    seed: int,
    progress: Progress,
) -> WindowChoice:
    wanted = parse_window(plan.window)
    if not by_time:
        if wanted not in (None, TrainingWindow()):
            raise Refused(
                f"A training window of {wanted.words} needs rows that are ordered by time, and "
                "these are not: say --window all, or import them with their times."
            )
        return WindowChoice(TrainingWindow(), "all rows, since no time orders them", {})
    if wanted is not None:
        return WindowChoice(wanted, f"{wanted.words}, as asked for", {})
    parameters = plan.parameters or aim.parameters()

    def loss(window: TrainingWindow, fold: Fold) -> float:
        pipeline = recipe.build(seed, parameters)
        fit_pipeline(pipeline, train, fold[0], window.weigh(train.at_seconds))
        scores = pipeline.predict(train.features.iloc[fold[1]])
        return mae(train.target[fold[1]], np.asarray(scores, dtype=np.float64))

    weights = _takes_weights(recipe.build(seed, parameters)[-1])
    return choose_window(
        train.at_seconds,
        train.together,
        loss,
        weights=weights,
        progress=part_of(progress, 0.1, 0.15),
    )


def _search(
    recipe: Recipe, rows: TrainingRows, plan: TrainingPlan, seed: int, progress: Progress
) -> Search:
    if plan.parameters is None:
        return recipe.search(rows, seed, progress)
    return Search({**plan.parameters, **rows.aim.parameters()}, 1, 0, "given")


def _find_shift(judged: list[CrossValidated], aim: Aim) -> float:
    if aim.objective != TOLERANCE or not judged:
        return 0.0
    return densest_centre(np.concatenate([fold.residuals for fold in judged]), aim.tolerance)


def _describe_columns(
    pipeline: Any, rows: Rows
) -> tuple[dict[str, str], tuple[str, ...], dict[str, str]]:
    """The kinds of the usable columns, those that the model reads, and why the others are not."""
    place = find_encoder(pipeline)
    if place is None:
        names = dict.fromkeys(name_features(rows.features), "numeric")
        return names, tuple(names), {}
    encoder = pipeline[place]
    selector = next((step for _, step in pipeline.steps if hasattr(step, "get_support")), None)
    sources = encoder.get_source_names()
    support = [True] * len(sources) if selector is None else selector.get_support()
    read = {name for name, kept in zip(sources, support, strict=True) if kept}
    weak = {name: _WEAK for name in encoder.kinds_ if name not in read}
    selected = tuple(name for name in encoder.kinds_ if name in read)
    return dict(encoder.kinds_), selected, {**list_absent(pipeline), **encoder.dropped_, **weak}


def _takes_weights(model: Any) -> bool:
    # scikit-learn takes 4 s to import, which the menu must not cost
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(model, "sample_weight"))


def _summarize_folds(judged: list[CrossValidated]) -> dict[str, dict[str, float]]:
    if not judged:
        return {}
    maes = [float(np.mean(np.abs(fold.residuals))) for fold in judged]
    return {"mae": {"mean": float(np.mean(maes)), "std": float(np.std(maes, ddof=1))}}


def _find_widths(judged: list[CrossValidated]) -> dict[str, Any]:
    if not judged:
        return {"half_width": None}
    scores = np.concatenate([fold.scores for fold in judged])
    residuals = np.concatenate([fold.residuals for fold in judged])
    return {
        "half_width": half_width(residuals),
        "bands": tuple(band_widths(scores, residuals)),
    }
