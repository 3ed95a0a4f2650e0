"""The context of an incident: the changes before it, and the next step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core import text
from core.deployment.plan import choose_rollback, describe_action
from core.domain.deployment import Action, Deployment
from core.domain.incident import Incident, IncidentEvent, describe_cause
from core.domain.monitoring import SCORE
from core.domain.sample import Collection
from core.domain.version import HEURISTIC, version_name
from core.monitoring.slices.segments import name_culprit
from core.store.data import samples
from core.store.engine.database import Connection
from core.store.models import deployments
from core.store.monitoring import drift, segments

RECENT = timedelta(hours=24)
"""Changes within this time before an incident are named as possible causes."""

_CHANGES = frozenset({Action.DEPLOY, Action.PROMOTE, Action.ROLLBACK})
_FIGURES = frozenset({"error_growth", "accuracy", "collapsed", "error_rate", "fallback", "latency"})
_OF_THE_ERROR = frozenset({"error_growth", "accuracy", "collapsed", "drift"})
_FIGURES_FROM = " ("  # of a culprit's sentence: they change from one look to the next
_N_COLLECTIONS = 20
_MAX_DRIFTED = 5


class Remedy(StrEnum):
    """The action of the button next to an incident."""

    ROLL_BACK = "roll_back"
    RUN_HEURISTIC = "run_heuristic"
    RETRAIN = "retrain"
    LOOK = "look"  # nothing that a button could do


@dataclass(frozen=True, slots=True)
class Context:
    """Sentences on the changes before an incident, and the next step."""

    evidence: tuple[str, ...]  # what else goes wrong because of it
    where: str | None  # the part of the traffic that carries the error
    before: tuple[str, ...]  # what was changed shortly before the incident
    drifted: tuple[str, ...]  # inputs that are not as the champion knows them
    suspected: tuple[str, ...]  # the same, going by the newest window alone
    remedy: Remedy
    advice: str

    def tell(self) -> tuple[str, ...]:
        """Return all sentences in the order in which a person needs them."""
        inputs = ""
        if self.drifted:
            inputs = f"Drifted inputs: {', '.join(self.drifted)}."
        elif self.suspected:
            inputs = f"Drift of inputs is suspected: {', '.join(self.suspected)}."
        said = (*self.evidence, self.where, *self.before, inputs, f"Next: {self.advice}")
        return tuple(filter(None, said))


def load_context(
    conn: Connection, incident: Incident, told: IncidentEvent | None = None
) -> Context:
    """Load the context of an incident with a few short reads, without the text of the event `told`:
    by default the last message of its cause."""
    history = deployments.load_history(conn)
    champion = history[-1].plan.champion if history else HEURISTIC
    moved = drift.find_last_report(conn, champion)
    return build_context(
        incident,
        history,
        samples.load_collections(conn, _N_COLLECTIONS),
        told=told,
        drifted=() if moved is None else moved.drifted,
        suspected=()
        if moved is None
        else tuple(check.column for check in moved.checks if check.passed),
        culprit=name_culprit(segments.find_last_report(conn, champion)),
    )


def build_context(
    incident: Incident,
    history: Sequence[Deployment],
    collections: Sequence[Collection],
    *,
    told: IncidentEvent | None = None,
    drifted: Sequence[str] = (),
    suspected: Sequence[str] = (),
    culprit: str | None = None,
) -> Context:
    """Return the last deployment and the last collected rows before the incident opened, and a
    remedy: a rollback if a release came shortly before."""
    release = _find_release(history, incident.opened_at)
    before = []
    if release is not None:
        ago = text.duration(incident.opened_at - release.at)
        before.append(
            f"{ago} before it began, {release.by} {describe_action(release)} ({release.reason})."
        )
    arrived = _find_collection(collections, incident.opened_at)
    if arrived is not None and arrived.finished_at is not None:
        ago = text.duration(incident.opened_at - arrived.finished_at)
        before.append(f"{ago} before it began, {arrived.n_new:,} rows came from {arrived.source}.")
    drifted, suspected = _list_inputs(drifted), _list_inputs(suspected)
    if _OF_THE_ERROR.isdisjoint(incident.checks):
        culprit, drifted, suspected = None, (), ()
    remedy, advice = _choose_remedy(incident, release, history, culprit, drifted or suspected)
    evidence = _list_evidence(incident, told)
    said = " ".join((incident.message if told is None else told.message, *evidence))
    named = culprit is not None and culprit.partition(_FIGURES_FROM)[0] in said
    return Context(
        evidence,
        None if culprit is None or named else f"Where: {culprit}.",
        tuple(before),
        drifted[:_MAX_DRIFTED],
        suspected[:_MAX_DRIFTED],
        remedy,
        advice,
    )


def _list_inputs(columns: Sequence[str]) -> tuple[str, ...]:
    """Return each column once, without the score, which callers do not send."""
    return tuple(column for column in dict.fromkeys(columns) if column != SCORE)


def _list_evidence(incident: Incident, told: IncidentEvent | None) -> tuple[str, ...]:
    """Return the messages of its checks that are not told already."""
    cause, check = incident.cause, None if told is None else told.check or incident.cause
    found = [(event.check, event.message) for event in incident.evidence if event.check != check]
    if check not in (None, cause):
        found.insert(0, (cause, incident.message))
    return tuple(f"With it, {describe_cause(check)}: {message}" for check, message in found)


def _choose_remedy(
    incident: Incident,
    release: Deployment | None,
    history: Sequence[Deployment],
    culprit: str | None,
    moved: Sequence[str],
) -> tuple[Remedy, str]:
    cause = incident.cause
    target = choose_rollback(history)
    released = release is not None and release.action is not Action.ROLLBACK
    if incident.has_bad(_FIGURES) and released and target is not None:
        return Remedy.ROLL_BACK, (
            f"roll back to {version_name(target)}; it began after the last release."
        )
    if cause == "drift" or (cause in ("error_growth", "accuracy") and moved):
        return Remedy.RETRAIN, (
            "ask the callers what changed in these inputs: a unit, a field that is missing, a new "
            "category? Train on newer rows only where the change is to stay."
        )
    if cause in ("error_growth", "accuracy"):
        return Remedy.RETRAIN, (
            "nothing was released shortly before: ask who sends the part of the traffic that is "
            "named what changed there, and train on newer rows where that is to stay."
            if culprit
            else "nothing was released shortly before: train on newer rows."
        )
    if cause in ("collapsed", "fallback", "error_rate"):
        return Remedy.RUN_HEURISTIC, (
            "run the heuristic meanwhile, and look at what the callers send and at the API's log."
        )
    return Remedy.LOOK, _LOOK.get(cause, "look at the page.")


_LOOK = {
    "latency": "look at the machine's load and at what else runs on it.",
    "clock": "see that the machine keeps its time by a time server (`timedatectl`).",
    "disk": "free space on the disk of PLUMBLINE_HOME: without it nothing can be acknowledged.",
    "labels": "ask whoever sends the labels; until they come, accuracy is not known.",
    "no_traffic": "ask the callers whether they still send requests, and look at the API's log.",
    "refused": "tell whoever calls what the refusals say; each answer has it in a sentence.",
    "retraining": "read the log of the newest training on the Training page; memory is the usual "
    "cause.",
    "retention": "look at the clock and at PLUMBLINE_KEEP_PREDICTIONS_DAYS, then approve or "
    "decline the request on the System page.",
    "notifications": "check the channel's address in PLUMBLINE_NOTIFY, then send a test.",
}


def _find_release(history: Sequence[Deployment], at: datetime) -> Deployment | None:
    """Return the last change of the champion in the `RECENT` time before a moment."""
    changes = [
        row for row in history if row.action in _CHANGES and timedelta(0) <= at - row.at <= RECENT
    ]
    return changes[-1] if changes else None


def _find_collection(collections: Sequence[Collection], at: datetime) -> Collection | None:
    """Return the newest collection with rows in the `RECENT` time before a moment."""
    for collection in collections:
        done = collection.finished_at
        if done is not None and collection.n_new and timedelta(0) <= at - done <= RECENT:
            return collection
    return None
