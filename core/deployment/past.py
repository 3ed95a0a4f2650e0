"""What happened: read from the store for the timeline, and for one prediction all that made it."""

from datetime import datetime

from core.deployment.story import Story
from core.deployment.timeline import Timeline, build_timeline
from core.deployment.trial import find_trial
from core.domain.version import HEURISTIC
from core.store import (
    deployments,
    incidents,
    labels,
    predictions,
    retraining,
    samples,
    snapshots,
    trials,
    versions,
)
from core.store.database import Database

_MOST = 1_000  # of each kind; a picture with more says nothing


def load_timeline(db: Database, from_at: datetime, to_at: datetime) -> Timeline:
    """What happened between two moments, in one read."""
    with db.read() as conn:
        return build_timeline(
            from_at,
            to_at,
            history=deployments.load_history(conn),
            versions=versions.load_versions(conn, _MOST),
            incidents=incidents.load_incidents(conn, _MOST),
            decisions=retraining.load_decisions(conn, _MOST),
            collections=samples.load_collections(conn, _MOST),
        )


def load_story(db: Database, prediction_id: str) -> Story:
    """Everything that made a prediction; raises `NotFound`."""
    with db.read() as conn:
        found = predictions.get_prediction(conn, prediction_id.strip())
        history = [row for row in deployments.load_history(conn) if row.revision <= found.revision]
        asked = None if found.version == HEURISTIC else versions.find_version(conn, found.version)
        return Story(
            prediction=found,
            deployment=history[-1] if history else None,
            version=asked,
            snapshot=None if asked is None else snapshots.get_snapshot(conn, asked.snapshot_id),
            trial=find_trial(history),
            shadow=trials.find_shadow_score(conn, found.id),
            label=labels.find_label(conn, found.id),
        )
