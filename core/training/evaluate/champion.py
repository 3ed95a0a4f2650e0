"""The champion on the candidate's holdout, on the rows that it has not trained on itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import text
from core.data.quality.near_duplicates import identify_content
from core.data.snapshots import read_snapshot
from core.data.splits import Split, identify_rows, split_rows
from core.domain.dataset import AT, GROUP, KEY
from core.domain.training_report import LEFT_OUT, TrainingReport
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import NotFound, Refused, Unavailable
from core.registry import Registry
from core.stats.association import holm
from core.stats.intervals import mean_of_blocks
from core.stats.slices import Slice
from core.store.data import snapshots
from core.store.engine.database import Database
from core.store.models import deployments, versions
from core.store.monitoring import incidents
from core.training.data.rows import SPLIT_SEED
from core.training.data.training_window import TrainingWindow, WindowChoice
from core.training.evaluate.alpha_budget import choose_alpha
from core.training.evaluate.error_slices import cut_categories
from core.training.evaluate.gate import Comparison
from core.training.evaluate.metrics import Blocks, compare_scores, select_blocks

if TYPE_CHECKING:
    import pandas as pd

MIN_COMPARED = 30
_ACCURACY = "accuracy"  # the cause of an incident


def find_champion(db: Database) -> Version | None:
    """The version in force, or None where none is or the heuristic serves."""
    with db.read() as conn:
        current = deployments.find_current(conn)
        if current is None or current.plan.champion == HEURISTIC:
            return None
        return versions.get_version(conn, current.plan.champion)


def split_frame(frame: "pd.DataFrame", holdout_from_at: datetime | None = None) -> Split:
    """The split of a snapshot's rows: the same for every training on them that has its holdout
    begin at the same moment, with the newest fifth of the rows unless given."""
    return split_rows(
        frame[AT],
        frame[GROUP],
        identify_content(frame),
        identity=identify_rows(frame),
        holdout_from_at=holdout_from_at,
        seed=SPLIT_SEED,
    )


def split_as_then(frame: "pd.DataFrame", report: TrainingReport) -> Split:
    """The split that a version was trained with, of its snapshot's rows."""
    left_out = [name for name, why in report.left_out.items() if why.startswith(LEFT_OUT)]
    return split_frame(frame.drop(columns=left_out, errors="ignore"), report.holdout_from_at)


def find_staleness(db: Database, window: WindowChoice) -> str | None:
    """Why the champion is taken to be out of date, in words: its error is confirmed to be more than
    it promised, or rows of long ago were shown to mislead; None where neither is known."""
    with db.read() as conn:
        lasting = incidents.load_unresolved(conn)
    found = next((i for i in lasting if i.was_opened and i.has_bad([_ACCURACY])), None)
    if found is not None:
        return f"incident {found.id} says that the champion errs more than it promised"
    if window.tried and window.window != TrainingWindow():
        return f"the world has moved: {window.window.words} taught more than all history"
    return None


def compare_champion(
    db: Database,
    registry: Registry,
    champion: Version,
    *,
    folder: Path,
    holdout: "pd.DataFrame",
    features: "pd.DataFrame",
    actual: NDArray[np.float64],
    scores: NDArray[np.float64],
    blocks: Blocks,
    kinds: Mapping[str, str],
    spent: float,
    stale: str | None,
    margin: float,
    seed: int,
) -> Comparison:
    """Score the champion's own artifact on `holdout` (rows of a snapshot, with their `features` as
    `carry_frame` gives them) and compare pair by pair, over all rows and by the segments of the
    categories among `kinds`; `spent` is what gates have spent in the last year, `stale` why the
    champion is taken to be out of date, where it is. What stands in the way is said in the
    comparison, never raised."""
    doubt = None
    try:
        alpha = choose_alpha(spent)
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
        actual, old_scores, scores, blocks=blocks, alpha=alpha, seed=seed
    )
    segments = cut_categories(holdout[new], kinds)
    worse = find_worse_segments(
        segments, np.abs(actual - scores) - np.abs(actual - old_scores), blocks
    )
    return Comparison(
        champion.number,
        before,
        improvement,
        lowest,
        alpha=alpha,
        worse=worse,
        n_segments=len(segments),
        n_compared=n_new,
        n_left_out=len(new) - n_new,
        doubt=doubt,
        stale=stale,
        margin=margin if stale else 0.0,
    )


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
