"""The champion on the candidate's holdout, on the rows that it has not trained on itself."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.data.snapshots import read_snapshot
from core.data.splits import Split, identify_content, split_rows
from core.domain.snapshot import AT, GROUP, KEY
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import NotFound, Refused, Unavailable
from core.registry import Registry
from core.store import deployments, snapshots, versions
from core.store.database import Database
from core.training.evaluate import Blocks, compare_scores, select_blocks
from core.training.gate import Comparison
from core.training.rows import SPLIT_SEED

if TYPE_CHECKING:
    import pandas as pd

MIN_COMPARED = 30


def find_champion(db: Database) -> Version | None:
    """The version in force, or None where none is or the heuristic serves."""
    with db.read() as conn:
        current = deployments.find_current(conn)
        if current is None or current.plan.champion == HEURISTIC:
            return None
        return versions.get_version(conn, current.plan.champion)


def split_frame(frame: "pd.DataFrame") -> Split:
    """The split of a snapshot's rows: the same for every training on them."""
    return split_rows(frame[AT], frame[GROUP], identify_content(frame), seed=SPLIT_SEED)


def compare_champion(
    db: Database,
    registry: Registry,
    champion: Version,
    *,
    folder: Path,
    holdout: "pd.DataFrame",
    actual: NDArray[np.float64],
    scores: NDArray[np.float64],
    blocks: Blocks,
    seed: int,
) -> Comparison:
    """Score the champion's own artifact on `holdout` (a snapshot's frame) and compare pair by
    pair. What stands in the way is said in the comparison, never raised."""
    doubt = None
    new = np.ones(len(holdout), dtype=bool)
    try:
        artifact = registry.load_artifact(champion.artifact_hash)
    except (NotFound, Refused, Unavailable) as error:
        return Comparison(champion.number, problem=f"it cannot be scored ({error})")
    try:
        new = ~holdout[KEY].isin(_trained_keys(db, folder, champion)).to_numpy(dtype=bool)
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
    before, improvement, lowest = compare_scores(
        actual[new],
        artifact.score(holdout[new]),
        scores[new],
        blocks=select_blocks(blocks, new),
        seed=seed,
    )
    return Comparison(
        champion.number,
        before,
        improvement,
        lowest,
        n_compared=n_new,
        n_left_out=len(new) - n_new,
        doubt=doubt,
    )


def _trained_keys(db: Database, folder: Path, champion: Version) -> set[str]:
    with db.read() as conn:
        snapshot = snapshots.get_snapshot(conn, champion.snapshot_id)
    frame = read_snapshot(folder, snapshot)
    return set(frame[KEY].iloc[split_frame(frame).train])
