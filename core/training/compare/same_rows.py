"""Several versions scored on the same rows, none of which any of them has learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data.quality.near_duplicates import identify_content
from core.data.snapshots import read_snapshot
from core.domain.dataset import KEY
from core.domain.training_report import Estimate
from core.domain.version import Version
from core.errors import Refused
from core.registry import Registry
from core.store.data import snapshots
from core.store.engine.database import Database
from core.training.data.rows import arrange_rows, split_frame
from core.training.evaluate.champion import MIN_COMPARED, load_trained_keys
from core.training.evaluate.metrics import choose_blocks, compare_scores


@dataclass(frozen=True, slots=True)
class Together:
    """MAE by version, and by how many points it is larger than that of the reference, row by row,
    with 95 % limits (none where too few blocks are left); `basis` says what they treat as
    independent."""

    reference: int
    n_rows: int
    n_left_out: int  # held-out rows that one of them has learned from
    basis: str
    mae: Mapping[int, Estimate]
    extra: Mapping[int, Estimate]  # without the reference


def compare_together(
    db: Database,
    registry: Registry,
    versions: Sequence[Version],
    reference: Version,
    *,
    folder: Path,
) -> Together:
    """Score versions on the held-out rows of the newest among them, without those that any of them
    has learned from. Raises `Refused` where fewer than 30 rows are left or something was altered,
    `NotFound` where an artifact or rows are gone."""
    newest = max(versions, key=lambda version: version.number)
    with db.read() as conn:
        snapshot = snapshots.get_snapshot(conn, newest.snapshot_id)
    frame = read_snapshot(folder, snapshot)
    split = split_frame(frame)
    learned = set().union(*(load_trained_keys(db, folder, version) for version in versions))
    new = ~frame[KEY].iloc[split.holdout].isin(learned).to_numpy(dtype=bool)
    n_new = int(new.sum())
    if n_new < MIN_COMPARED:
        raise Refused(
            f"Only {n_new} of the {len(new)} held-out rows of {newest.name} are new to all of "
            f"them, and a comparison needs {MIN_COMPARED}: compare fewer versions, or train them "
            "again on the same rows."
        )
    rows = arrange_rows(frame, identify_content(frame), ()).pick(split.holdout[new])
    by_time = split.kind == "time"
    blocks = choose_blocks(rows.at_seconds if by_time else None, rows.group, n_new)
    scores = {
        version.number: np.nan_to_num(
            registry.load_artifact(version.artifact_hash).score(rows.features),
            nan=version.report.scale_low,
        )
        for version in versions
    }
    against = scores[reference.number]
    found = {
        number: compare_scores(rows.target, own, against, blocks=blocks)
        for number, own in scores.items()
    }
    return Together(
        reference=reference.number,
        n_rows=n_new,
        n_left_out=len(new) - n_new,
        basis=blocks.words,
        mae={number: mae for number, (mae, _, _) in found.items() if mae is not None},
        extra={
            number: extra
            for number, (_, extra, _) in found.items()
            if extra is not None and number != reference.number
        },
    )
