"""Automatic rollback: a release that turns critical within its baking time is rolled back once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.alerts.incidents import note_mended
from core.deployment.plan import serving_stack
from core.deployment.release import rollback
from core.domain.deployment import Action, Deployment
from core.domain.incident import EventKind, Incident
from core.domain.installation import AUTOMATION
from core.domain.monitoring import Health
from core.domain.version import version_name
from core.errors import Conflict, InvalidInput, NotFound, Refused
from core.log import get_logger
from core.registry import Registry
from core.store.engine.database import Database
from core.store.models import deployments
from core.store.monitoring import incidents

CURABLE = frozenset({"error_growth", "accuracy", "collapsed", "error_rate", "fallback", "latency"})
"""The checks that another version can cure."""

_FOUND = frozenset({EventKind.OPENED, EventKind.WORSENED, EventKind.RETURNED})

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Cure:
    """The incident that asks for a rollback, and the version to serve; None if there is none."""

    incident: Incident
    release: Deployment
    target: int | None
    revision: int  # of the plan that this rests on


def mend(db: Database, registry: Registry, *, baking: timedelta, now: datetime) -> str | None:
    """Roll back a release that turned critical within its baking time, unless that was tried;
    return a sentence on the outcome. If somebody else changes the plan first, nothing is done.
    Raises `Unavailable`, with nothing written, so that the next check tries again."""
    with db.read() as conn:
        cure = choose_cure(
            deployments.load_history(conn), incidents.load_unresolved(conn), now, baking
        )
    if cure is None:
        return None
    try:
        message = _roll_back(db, registry, cure, now)
    except Conflict as error:
        log.info("mended_elsewhere", incident_id=cure.incident.id, reason=str(error))
        return None
    note_mended(db, cure.incident.id, message, now)
    log.warning("mended", incident_id=cure.incident.id, outcome=message)
    return message


def choose_cure(
    history: Sequence[Deployment],
    unresolved: Sequence[Incident],
    now: datetime,
    baking: timedelta,
) -> Cure | None:
    """Return the rollback that is due: the champion was deployed or promoted less than `baking`
    ago, and a critical incident that another version can cure began after that. A release is rolled
    back once, and never if a person acted on the incident."""
    release = find_release(history)
    if release is None or now - release.at > baking:
        return None
    for incident in unresolved:
        if (
            incident.was_opened
            and any(incident.checks.get(check) is Health.CRITICAL for check in CURABLE)
            and incident.opened_at > release.at
            and not any(event.kind is EventKind.MENDED for event in incident.events)
        ):
            target = _find_target(history, release.plan.champion)
            return Cure(incident, release, target, history[-1].revision)
    return None


def find_release(history: Sequence[Deployment]) -> Deployment | None:
    """Return the row that made the current champion, if it was a deployment or a promotion; the
    version of a rollback has served before."""
    release = None
    for row in history:
        if release is None or row.plan.champion != release.plan.champion:
            release = row
    if release is None or release.action not in (Action.DEPLOY, Action.PROMOTE):
        return None
    return release


def _find_target(history: Sequence[Deployment], champion: int) -> int | None:
    stack = serving_stack(history)
    below = stack[: len(stack) - 1 - stack[::-1].index(champion)]
    return below[-1] if below else None


def _roll_back(db: Database, registry: Registry, cure: Cure, now: datetime) -> str:
    name = version_name(cure.release.plan.champion)
    if cure.target is None:
        return f"{name} could not be rolled back by itself: nothing served before it."
    try:
        row = rollback(
            db,
            registry,
            cure.target,
            reason=f"incident {cure.incident.id} within the baking time: {cure.incident.message}",
            by=AUTOMATION,
            now=now,
            expected_revision=cure.revision,
        )
    except (InvalidInput, NotFound, Refused) as error:
        return f"{name} could not be rolled back by itself: {error}"
    return (
        f"Rolled back from {name} to {version_name(cure.target)} (revision {row.revision}), since "
        f"this began within the baking time of {name}."
    )
