"""Split, search, fit and evaluation of a frame of rows, without the store."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from core.artifacts.artifact import Artifact
from core.data.quality.near_duplicates import identify_content
from core.data.splits import Split, leave_gap
from core.domain.dataset import LABELLED_AT
from core.domain.job import Progress
from core.domain.training_report import CurvePoint, Estimate
from core.errors import Refused
from core.settings import Scale
from core.training.data.rows import Rows, arrange_rows, read_seconds, split_frame
from core.training.evaluate.cross_validation import claim_at_random, measure_curve
from core.training.evaluate.fitting import Fitted, fit_recipe
from core.training.evaluate.holdout_evaluation import Examination, examine_candidate
from core.training.evaluate.model_card import build_card
from core.training.plan import PICK, TrainingPlan
from core.training.recipe_registry import get_recipe

if TYPE_CHECKING:
    import pandas as pd

MIN_TRAIN, MIN_HOLDOUT, MIN_GROUPS = 10, 2, 10


@dataclass(frozen=True, slots=True)
class Order:
    """The settings that, with the rows and the code, determine a training's figures.

    `leave_out` are columns not to use. With `overrides`, a person's reasons, blocking data issues
    do not stop the training, and the gate lets columns pass that give the target away; with
    `acknowledged`, only these columns."""

    recipe: str
    seed: int
    scale: Scale
    tolerance: float
    leave_out: tuple[str, ...] = ()
    label_delay_seconds: float = 0.0  # how long labels take
    holdout_from_at: datetime | None = (
        None  # where the holdout is to begin; the newest fifth if None
    )
    plan: TrainingPlan = field(default_factory=TrainingPlan)
    overrides: tuple[str, ...] | None = None
    acknowledged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Learned:
    """A fitted pipeline with all of its figures, before any verdict."""

    artifact: Artifact
    fitted: Fitted
    split: Split
    holdout: Rows
    synthetic: bool
    found: Examination
    at_random: float | None  # the MAE that a random split would have claimed
    curve: tuple[CurvePoint, ...]
    doubling: Estimate | None
    picks: bool  # whether its purpose is to pick the best of each group


def learn(frame: "pd.DataFrame", order: Order, progress: Progress) -> Learned:
    """Train on a snapshot's frame, and evaluate on its holdout. Equal frames and orders give equal
    figures on the same libraries.

    Raises `Refused` where the rows are too few or the recipe cannot learn from them, `InvalidInput`
    for an unknown recipe or column, and what `progress` raises."""
    recipe, scale, seed = get_recipe(order.recipe), order.scale, order.seed
    used = frame.drop(columns=list(order.leave_out), errors="ignore")
    rows = arrange_rows(frame, identify_content(used), order.leave_out)
    split = leave_gap(
        split_frame(used, order.holdout_from_at),
        rows.at_seconds,
        order.label_delay_seconds,
        read_seconds(frame, LABELLED_AT),
    )
    progress(0.08, split.reason)
    train, holdout = _pick_sides(rows, split)
    if order.plan.purpose == PICK:
        check_groups(train)
    by_time = split.kind == "time"
    fitted = fit_recipe(
        recipe,
        train,
        by_time=by_time,
        scale=scale,
        seed=seed,
        progress=progress,
        plan=order.plan,
        tolerance=order.tolerance,
    )
    at_random = None
    if split.kind != "random":
        progress(0.75, "asking what a random split would have claimed")
        at_random = claim_at_random(recipe, fitted.search, rows, scale=scale, seed=seed)
    progress(0.8, f"evaluating on {len(holdout.target):,} held-out rows")
    synthetic = bool(rows.synthetic.all())
    card = build_card(
        order.recipe,
        fitted,
        train,
        holdout,
        scale=scale,
        tolerance=order.tolerance,
        synthetic=synthetic,
    )
    artifact = Artifact(fitted.pipeline, card)
    found = examine_candidate(
        artifact, fitted, train, holdout, by_time=by_time, tolerance=order.tolerance, seed=seed
    )
    curve, doubling = measure_curve(
        recipe,
        fitted.search,
        rows,
        replace(split, train=split.train[fitted.inside]),
        found.scores,
        blocks=found.blocks,
        scale=scale,
        seed=seed,
        progress=lambda share, message: progress(0.82 + 0.07 * share, message),
        window=fitted.window.window,
        shift=fitted.shift,
    )
    return Learned(
        artifact=artifact,
        fitted=fitted,
        split=split,
        holdout=holdout,
        synthetic=synthetic,
        found=found,
        at_random=at_random,
        curve=curve,
        doubling=doubling,
        picks=order.plan.purpose == PICK,
    )


def check_groups(train: Rows) -> None:
    """Raise `Refused` where rows have no groups of candidates to pick from."""
    sizes = np.zeros(0) if train.group is None else np.bincount(train.group)
    if np.count_nonzero(sizes > 1) < MIN_GROUPS:
        raise Refused(
            f"Only {np.count_nonzero(sizes > 1)} groups of training rows hold two candidates or "
            f"more, and learning to pick needs {MIN_GROUPS}: import the rows with a group column "
            "that names the request each candidate was made for, or train for the purpose 'score'."
        )


def _pick_sides(rows: Rows, split: Split) -> tuple[Rows, Rows]:
    if len(split.train) < MIN_TRAIN or len(split.holdout) < MIN_HOLDOUT:
        waiting = (
            f" ({split.n_unknown_yet:,} more wait for the time that labels take)"
            if split.n_unknown_yet
            else ""
        )
        raise Refused(
            f"{len(split.train)} rows to learn from{waiting} and {len(split.holdout)} to judge by "
            "are too few: collect more rows."
        )
    return rows.pick(split.train), rows.pick(split.holdout)
