"""The history of deployments for the timeline, and the provenance of one prediction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core import text
from core.deployment.timeline import Timeline, build_timeline
from core.deployment.trial import find_trial
from core.domain.dataset import Snapshot
from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import policy_name
from core.domain.deployment import Deployment
from core.domain.prediction import Label, Prediction
from core.domain.trial import ShadowScore, Trial
from core.domain.version import HEURISTIC, Version, version_name
from core.store.data import samples, snapshots
from core.store.engine.database import Database
from core.store.installation import api_keys
from core.store.models import deployments, trials, versions
from core.store.monitoring import incidents
from core.store.predictions import labels, predictions
from core.store.predictions.decisions import find_decision_of


@dataclass(frozen=True, slots=True)
class PredictionLineage:
    """The provenance of a prediction. The version is None if no model was asked, the deployment if
    nothing was deployed yet."""

    prediction: Prediction
    deployment: Deployment | None
    version: Version | None
    snapshot: Snapshot | None
    trial: Trial | None  # that ran when it was asked
    shadow: ShadowScore | None  # of the version that did not answer
    label: Label | None
    decision: LoggedDecision | None  # that it was made for, or else the newest about it
    keys: Mapping[int, str]  # the names of the API keys that asked and labelled, by their number

    @property
    def error(self) -> float | None:
        """Return the distance of the score from the truth, in points."""
        if self.label is None or self.prediction.score is None:
            return None
        return abs(self.prediction.score - self.label.actual)

    @property
    def decided(self) -> Mapping[str, str]:
        """Return who deployed the version and why, by question."""
        row = self.deployment
        if row is None:
            return {"deployed": "nothing was deployed yet"}
        return {"deployed by": row.by, "reason": row.reason, "action": row.action.value}


def describe_story(story: PredictionLineage) -> dict[str, str]:
    """A story as lines to read: what made the answer, by question."""
    asked, version, shadow, label = story.prediction, story.version, story.shadow, story.label
    score = "none" if asked.score is None else f"{asked.score:.2f}"
    said = {
        "asked at": f"{asked.at:%Y-%m-%d %H:%M:%S} UTC",
        "answer": score + ("" if asked.low is None else f" ({asked.low:.1f} to {asked.high:.1f})"),
        "answered by": f"{asked.source.value}, as the {asked.variant.value}",
        "version": version_name(asked.version),
    }
    if asked.key_id is not None:
        said["asked by"] = _name_key(story.keys, asked.key_id)
    if asked.reason:
        said["why no model"] = asked.reason
    if version is not None:
        report = version.report
        said["recipe"] = f"{report.recipe}, trained {version.created_at:%Y-%m-%d %H:%M} UTC"
        said["verdict of its training"] = report.summary
        said["MLflow run"] = version.run_id or "not recorded yet"
        said["artifact"] = version.artifact_hash
    if story.snapshot is not None:
        said["snapshot"] = f"{story.snapshot.n_rows:,} rows, {story.snapshot.content_hash}"
    said |= story.decided
    said["revision"] = str(asked.revision)
    if story.trial is not None:
        trial = story.trial
        said["trial"] = (
            f"'{trial.name}': {version_name(trial.challenger)} beside "
            f"{version_name(trial.champion)}, {text.chosen_percent(trial.steps[-1].traffic)} of "
            "the answers"
        )
    if shadow is not None:
        other = shadow.error or "none" if shadow.score is None else f"{shadow.score:.2f}"
        said[f"score of {version_name(shadow.version)} beside it"] = other
    if story.decision is not None:
        said["decision"] = _describe_decision(story.decision, asked.id)
    said["label"] = "none yet" if label is None else _describe_label(label, story.keys)
    if story.error is not None:
        said["error"] = f"{story.error:.2f} points"
    said["latency"] = f"{asked.latency_ms:.2f} ms"
    if asked.unit_id:
        said["unit"] = asked.unit_id
    return said


def _describe_decision(decision: LoggedDecision, prediction_id: str) -> str:
    by = "no policy" if decision.policy_id is None else policy_name(decision.policy_id)
    if decision.action is not None:
        done = f"{decision.action.value} in attempt {decision.attempt}"
    else:
        is_picked = decision.prediction_id == prediction_id
        done = f"{'picked' if is_picked else 'not picked'} of {decision.n_candidates} candidates"
    chance = ", by chance" if decision.explored else ""
    return (
        f"{done} by {by}, with probability {decision.probability:.3g}{chance} "
        f"(decision {decision.id})"
    )


def _describe_label(label: Label, keys: Mapping[int, str]) -> str:
    said = f"{label.actual:g}, given by {label.given_by}"
    if label.key_id is not None:
        said += f", with {_name_key(keys, label.key_id)}"
    return f"{said}, received {label.received_at:%Y-%m-%d %H:%M} UTC"


def _name_key(keys: Mapping[int, str], key_id: int) -> str:
    return f"key '{keys[key_id]}' (key {key_id})"


_MOST = 1_000  # of each kind; a picture with more says nothing


def load_timeline(db: Database, from_at: datetime, to_at: datetime) -> Timeline:
    """Return the events between two moments, from one read."""
    with db.read() as conn:
        return build_timeline(
            from_at,
            to_at,
            history=deployments.load_history(conn),
            versions=versions.load_versions(conn, _MOST),
            incidents=incidents.load_incidents(conn, _MOST),
            decisions=deployments.load_decisions(conn, _MOST),
            collections=samples.load_collections(conn, _MOST),
        )


def load_story(db: Database, prediction_id: str) -> PredictionLineage:
    """Return the provenance of a prediction; raises `NotFound`."""
    with db.read() as conn:
        found = predictions.get_prediction(conn, prediction_id.strip())
        history = [row for row in deployments.load_history(conn) if row.revision <= found.revision]
        asked = None if found.version == HEURISTIC else versions.find_version(conn, found.version)
        label = labels.find_label(conn, found.id)
        callers = {found.key_id, None if label is None else label.key_id} - {None}
        return PredictionLineage(
            prediction=found,
            deployment=history[-1] if history else None,
            version=asked,
            snapshot=None if asked is None else snapshots.get_snapshot(conn, asked.snapshot_id),
            trial=find_trial(history),
            shadow=trials.find_shadow_score(conn, found.id),
            label=label,
            decision=find_decision_of(conn, found),
            keys={one.id: one.name for one in api_keys.load_keys(conn) if one.id in callers},
        )
