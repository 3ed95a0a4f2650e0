"""The champion on the candidate's holdout, on the rows that it has not trained on itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import text
from core.data.snapshots import read_snapshot
from core.domain.dataset import KEY
from core.domain.training_report import Estimate
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import NotFound, Refused, Unavailable
from core.registry import Registry
from core.stats.association import holm
from core.stats.intervals import mean_of_blocks
from core.stats.picks import measure_picks
from core.stats.slices import Slice
from core.store.data import snapshots
from core.store.engine.database import Database
from core.store.models import deployments, versions
from core.store.monitoring import incidents
from core.training.data.rows import Rows, carry_frame, split_as_then
from core.training.data.training_window import TrainingWindow, WindowChoice
from core.training.evaluate.error_slices import cut_categories
from core.training.evaluate.fit_and_evaluate import Learned
from core.training.evaluate.gate import Comparison, choose_alpha
from core.training.evaluate.metrics import Blocks, compare_scores, select_blocks, to_estimate

if TYPE_CHECKING:
    import pandas as pd

MIN_COMPARED = 30
_ERROR_GROWTH = "error_growth"  # the cause of an incident


def find_champion(db: Database) -> Version | None:
    """The version in force, or None where none is or the heuristic serves."""
    with db.read() as conn:
        current = deployments.find_current(conn)
        if current is None or current.plan.champion == HEURISTIC:
            return None
        return versions.get_version(conn, current.plan.champion)


def find_staleness(db: Database, window: WindowChoice) -> str | None:
    """Why the champion is taken to be out of date, in words: its error is confirmed to be more than
    it promised, or rows of long ago were shown to mislead; None where neither is known."""
    with db.read() as conn:
        lasting = incidents.load_unresolved(conn)
    found = next((i for i in lasting if i.was_opened and i.has_bad([_ERROR_GROWTH])), None)
    if found is not None:
        return f"incident {found.id} says that the champion errs more than it promised"
    if window.tried and window.window != TrainingWindow():
        return f"the world has moved: {window.window.words} taught more than all history"
    return None


@dataclass(frozen=True, slots=True)
class GateTerms:
    """The terms of a comparison with the champion."""

    spent: float = 0.0  # what gates have spent of the chance of a false promotion in the last year
    stale: str | None = None  # why the champion is taken to be out of date, where it is
    margin: float = 0.0  # points by which a candidate may then be worse


def compare_champion(
    db: Database,
    registry: Registry,
    champion: Version,
    *,
    folder: Path,
    frame: "pd.DataFrame",
    learned: Learned,
    terms: GateTerms,
) -> Comparison:
    """Score the champion's own artifact on the holdout that `learned` was judged on, rows of the
    snapshot `frame`, and compare pair by pair: over all rows and by the segments of each category.
    What stands in the way is said in the comparison, never raised."""
    found, held_out = learned.found, learned.split.holdout
    holdout, features = frame.iloc[held_out], carry_frame(frame).iloc[held_out]
    actual, scores, blocks = learned.holdout.target, found.scores, found.blocks
    doubt = None
    try:
        alpha = choose_alpha(terms.spent)
    except Refused as error:
        return Comparison(champion.number, problem=str(error))
    new = np.ones(len(holdout), dtype=bool)
    try:
        artifact = registry.load_artifact(champion.artifact_hash)
    except (NotFound, Refused, Unavailable) as error:
        return Comparison(champion.number, problem=f"it cannot be scored ({error})")
    try:
        new = ~holdout[KEY].isin(load_trained_keys(db, folder, champion)).to_numpy(dtype=bool)
    except (NotFound, Refused, Unavailable) as error:
        doubt = (
            f"which rows {version_name(champion.number)} has trained on is not known ({error}), so "
            "that its error may be flattered by some."
        )
    n_new = int(new.sum())
    if n_new < MIN_COMPARED:
        return Comparison(
            champion.number,
            n_compared=n_new,
            n_left_out=len(new) - n_new,
            problem=f"only {n_new} of {len(new)} holdout rows are new to it, and a comparison "
            f"needs {MIN_COMPARED}",
        )
    old_scores, blocks = artifact.score(features[new]), select_blocks(blocks, new)
    actual, scores = actual[new], scores[new]
    before, improvement, lowest = compare_scores(
        actual, old_scores, scores, blocks=blocks, alpha=alpha
    )
    advantage: Estimate | None = None
    worse: tuple[str, ...] = ()
    n_segments = 0
    if learned.picks:
        rows = learned.holdout.pick(np.flatnonzero(new))
        advantage, lowest = _compare_picks(rows, old_scores, scores, alpha)
    else:
        segments = cut_categories(holdout[new], learned.fitted.kinds)
        growth = np.abs(actual - scores) - np.abs(actual - old_scores)
        worse, n_segments = find_worse_segments(segments, growth, blocks), len(segments)
    return Comparison(
        champion.number,
        before,
        improvement,
        lowest,
        alpha=alpha,
        worse=worse,
        n_segments=n_segments,
        n_compared=n_new,
        n_left_out=len(new) - n_new,
        doubt=doubt,
        stale=terms.stale,
        margin=terms.margin if terms.stale else 0.0,
        basis=blocks.words,
        advantage=advantage,
    )


def _compare_picks(
    rows: Rows, old: NDArray[np.float64], new: NDArray[np.float64], alpha: float
) -> tuple[Estimate | None, float | None]:
    """Return by how much more of the gap the new scores' pick recovers than the old ones', or than
    a random pick where that is better, with its 95 % limits, and the lower limit that an equal
    picker exceeds with the probability `alpha`; None where no groups are left."""
    if rows.group is None:
        return None, None
    found = measure_picks(rows.target, new, rows.group, {"champion": old}).advantage
    if found is None:
        return None, None
    return to_estimate(found.find_limits()), found.find_limits(1 - 2 * alpha).low


def find_worse_segments(
    segments: Sequence[Slice],
    growth: NDArray[np.float64],
    blocks: Blocks,
) -> tuple[str, ...]:
    """The segments in which the error is shown to have grown, in words: at the 5 % level over all
    of them together (Holm). `growth` is the new absolute error of each row minus the old one.

    >>> from core.stats.slices import cut_levels
    >>> from core.training.evaluate.metrics import choose_blocks
    >>> growth = np.where(np.arange(80) < 40, 1.0, -1.0) + np.resize([0.1, -0.1], 80)
    >>> segments = cut_levels("lang", ["py"] * 40 + ["go"] * 40)
    >>> find_worse_segments(segments, growth, choose_blocks(None, None, 80))
    ("where 'lang' is py: the MAE is 1.00 larger on 40 rows",)
    """
    said, p_values = {}, {}
    for part in segments:
        mean = mean_of_blocks(growth[part.rows], blocks.index[part.rows], run=blocks.run)
        if mean is None:
            continue
        p_values[part.where] = mean.find_p_value()
        said[part.where] = (
            f"where '{part.column}' is {part.level}: the MAE is {text.figure(mean.value)} larger "
            f"on {int(part.rows.sum()):,} rows"
        )
    return tuple(said[name] for name in holm(p_values, alpha=0.05))


def load_trained_keys(db: Database, folder: Path, version: Version) -> set[str]:
    """The keys of the rows that a version may have learned from. Raises `NotFound` where they are
    gone, `Refused` where they were altered."""
    with db.read() as conn:
        snapshot = snapshots.get_snapshot(conn, version.snapshot_id)
    frame = read_snapshot(folder, snapshot)
    return set(frame[KEY].iloc[split_as_then(frame, version.report).train])
