"""Pinning: what a version's holdout looked like, counted once and kept with the version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.domain.dataset import Snapshot
from core.domain.monitoring import SCORE, Bins, Reference
from core.domain.version import Version
from core.log import get_logger
from core.monitoring.drift.binning import N_BINS, build_bins, index_values, read_values
from core.monitoring.drift.expected_error import fit_costs
from core.registry import Registry
from core.stats.slices import Values
from core.store.data import snapshots
from core.store.engine.database import Database
from core.store.monitoring import drift

MAX_HISTORY = 50_000
"""Rows of the snapshot beside the holdout that are counted."""

MAX_BLOCKS = 180
_MAX_CELLS = 400_000  # of all columns' blocks, so that a reference stays small
_DAY_SECONDS = 86_400.0
_MIN_TIMED = 0.95

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class History:
    """A snapshot's rows as a reference needs them; arrays and columns are parallel."""

    columns: Mapping[str, Values]
    at_seconds: NDArray[np.float64]  # nan where a row has no time
    holdout: NDArray[np.int64]
    scores: NDArray[np.float64]  # of the holdout's rows
    errors: NDArray[np.float64]  # |score - target| of these


def pin_reference(
    db: Database, registry: Registry, version: Version, *, folder: Path, now: datetime
) -> Reference:
    """The reference of a version, made from its snapshot and its artifact where none is pinned
    yet: the same whenever it is made, since neither ever changes. Raises `NotFound`, `Refused` or
    `Unavailable` where one of them cannot be read."""
    with db.read() as conn:
        found = drift.find_reference(conn, version.number)
        snapshot = snapshots.get_snapshot(conn, version.snapshot_id)
    if found is not None:
        return found
    history = _read_history(registry, version, folder, snapshot)
    reference = build_reference(history, version.number, now)
    with db.write() as conn:
        drift.append_reference(conn, reference)
    log.info("reference_pinned", version=version.number, n_rows=reference.n_rows)
    return reference


def build_reference(history: History, version: int, now: datetime) -> Reference:
    """The counts of every column and of the scores, with what their bins cost."""
    block = number_days(history.at_seconds, len(history.columns) + 1)
    found: list[Bins] = []
    index: list[NDArray[np.int64]] = []
    for name, values in history.columns.items():
        bins = build_bins(name, values, history.holdout, block)
        if bins is not None:
            found.append(bins)
            index.append(index_values(bins, values)[history.holdout])
    everything = np.arange(len(history.scores))
    held = None if block is None else _renumber(block[history.holdout])
    score = build_bins(SCORE, history.scores, everything, held, is_feature=False)
    if score is not None:
        found.append(score)
        index.append(index_values(score, history.scores))
    columns = fit_costs(found, index, history.errors)
    return Reference(
        version=version,
        at=now,
        n_rows=len(history.scores),
        n_blocks=0 if block is None else int(block.max()) + 1,
        mae=float(np.mean(history.errors)),
        columns=tuple(columns),
        estimates=any(bins.costs for bins in columns),
    )


def number_days(at_seconds: NDArray[np.float64], n_columns: int) -> NDArray[np.int64] | None:
    """The day of each row, from 0 on, -1 for those of days that are not counted: where there are
    more than 180, every second, third ... day is. None where fewer than 95 % of the rows carry a
    time, or all are of one day.

    >>> number_days(np.array([0.0, 90_000.0, 90_001.0, 2e5]), 3).tolist()
    [0, 1, 1, 2]
    """
    timed = np.isfinite(at_seconds)
    if not len(timed) or timed.mean() < _MIN_TIMED:
        return None
    day = np.where(timed, np.floor(np.where(timed, at_seconds, 0.0) / _DAY_SECONDS), -1.0)
    days = np.unique(day[timed])
    if len(days) < 2:
        return None
    most = max(20, min(MAX_BLOCKS, _MAX_CELLS // (n_columns * (N_BINS + 2))))
    kept = days[np.unique(np.linspace(0, len(days) - 1, min(most, len(days))).astype(np.int64))]
    place = np.minimum(np.searchsorted(kept, day), len(kept) - 1)
    return np.where(timed & (kept[place] == day), place, -1)


def _read_history(
    registry: Registry, version: Version, folder: Path, snapshot: Snapshot
) -> History:
    # Not at the top: pandas and scikit-learn take seconds that a page would wait for.
    from core.data.snapshots import read_snapshot
    from core.training.data.rows import arrange_rows, split_as_then

    artifact = registry.load_artifact(version.artifact_hash)
    frame = read_snapshot(folder, snapshot)
    split = split_as_then(frame, version.report)
    rows = arrange_rows(frame, np.arange(len(frame)), ())
    scores = artifact.score(frame.iloc[split.holdout])
    judged = np.isfinite(scores)
    history, holdout = _choose_history(split.holdout[judged], len(frame))
    return History(
        columns={
            name: read_values(rows.features.iloc[history], name)
            for name in artifact.card.features
            if name in rows.features
        },
        at_seconds=rows.at_seconds[history],
        holdout=holdout,
        scores=scores[judged],
        errors=np.abs(scores - rows.target[split.holdout])[judged],
    )


def _choose_history(
    holdout: NDArray[np.int64], n_rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All rows of the holdout and at most 50,000 others, evenly; and where the holdout's are."""
    others = np.setdiff1d(np.arange(n_rows), holdout)
    step = -(-len(others) // MAX_HISTORY) or 1
    history = np.union1d(others[::step], holdout)
    return history, np.searchsorted(history, holdout)


def _renumber(block: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The same blocks without those that no row stands in."""
    inside = block >= 0
    if not inside.any():
        return None
    _, number = np.unique(block[inside], return_inverse=True)
    renumbered = block.copy()
    renumbered[inside] = number
    return renumbered
