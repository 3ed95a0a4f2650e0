"""The training rows that a logged prediction lies nearest to: what its version had seen of the
kind."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from core.data.snapshots import read_snapshot
from core.domain.dataset import AT, EXTERNAL_ID, SOURCE, TARGET
from core.domain.sample import Features
from core.registry import Registry
from core.serving.scoring import carry_rows, recall_asked
from core.store.data import snapshots
from core.store.engine.database import Database
from core.store.models import versions
from core.store.predictions import predictions
from core.training.data.rows import carry_frame, list_rows, name_features
from core.training.explain.nearest import find_nearest

N_NEAREST = 5


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A row of a snapshot; `distance` is in standard deviations of a column, 0 for the same."""

    distance: float
    external_id: str | None
    source: str
    at: datetime | None
    target: float
    features: Features


@dataclass(frozen=True, slots=True)
class Nearest:
    """The rows of a version's snapshot that are nearest to a prediction, nearest first."""

    prediction_id: str
    version: int
    snapshot_id: int
    n_rows: int  # of the snapshot, among which they were looked for
    rows: tuple[TrainingRow, ...]


def load_nearest(
    db: Database, registry: Registry, folder: Path, prediction_id: str, n: int = N_NEAREST
) -> Nearest:
    """The rows nearest to a prediction among those that its version was made from, as its pipeline
    encodes them. Raises `NotFound` for an unknown id or a snapshot whose file is gone, `Refused`
    where no model answered, or the snapshot or the artifact was altered."""
    with db.read() as conn:
        asked = predictions.get_prediction(conn, prediction_id.strip())
        version = versions.get_version(conn, asked.version)
        snapshot = snapshots.get_snapshot(conn, version.snapshot_id)
    artifact = registry.load_artifact(version.artifact_hash)
    frame = read_snapshot(folder, snapshot)
    rows = carry_frame(frame)
    (row,) = carry_rows(db, artifact.card, [recall_asked(asked)])
    found = find_nearest(artifact.pipeline, rows, row, n)
    places = [near.place for near in found]
    shown = rows[list(name_features(rows))]
    at = [None if value != value else value for value in frame[AT].iloc[places].tolist()]
    return Nearest(
        asked.id,
        version.number,
        snapshot.id,
        len(frame),
        tuple(
            TrainingRow(near.distance, identity, source, made_at, target, features)
            for near, identity, source, made_at, target, features in zip(
                found,
                frame[EXTERNAL_ID].iloc[places].tolist(),
                frame[SOURCE].iloc[places].tolist(),
                at,
                frame[TARGET].iloc[places].tolist(),
                list_rows(shown, np.array(places, dtype=np.int64)),
                strict=True,
            )
        ),
    )
