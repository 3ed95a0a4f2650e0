"""Automatic rollback: a release that turned critical goes back to a version that does better."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from core.alerts.incidents import note_kept, note_mended
from core.alerts.release_evidence import load_evidence
from core.alerts.rollback_rules import ERRORS, Cure, Preference, choose_cure, judge_evidence
from core.deployment.release import rollback
from core.domain.actor import PROGRAM
from core.domain.monitoring import HealthReport
from core.domain.version import version_name
from core.errors import Conflict, InvalidInput, NotFound, Refused
from core.log import get_logger
from core.registry import Registry
from core.settings import Scale, Thresholds
from core.store.engine.database import Database
from core.store.models import deployments
from core.store.monitoring import incidents

log = get_logger(__name__)


def mend(
    db: Database,
    registry: Registry,
    report: HealthReport,
    thresholds: Thresholds,
    *,
    scale: Scale,
    baking: timedelta,
    now: datetime,
    timer: Callable[[], float] = time.perf_counter,
) -> str | None:
    """Roll back a release that turned critical within its baking time, unless that was tried, or
    note why it stays; return a sentence on the outcome. `report` is the look that the incidents
    were told of last. If somebody else changes the plan first, nothing is done. Raises
    `Unavailable`, with nothing written, so that the next check tries again."""
    with db.read() as conn:
        history = deployments.load_history(conn)
        cure = choose_cure(history, incidents.load_unresolved(conn), report, now, baking)
    if cure is None:
        return None
    name, before = version_name(cure.release.row.plan.champion), cure.release.before
    if before is not None:
        evidence = load_evidence(
            db,
            registry,
            cure.release,
            thresholds,
            replays=not cure.checks <= ERRORS,
            scale=scale,
            now=now,
            timer=timer,
        )
        verdict = judge_evidence(evidence, cure.checks, before)
        if verdict.answer is Preference.UNKNOWN:
            log.info("not_rolled_back", incident_id=cure.incident.id, evidence=repr(evidence))
            return None
        if verdict.answer is Preference.ALIKE:
            message = f"{name} was not rolled back: {verdict.why}"
            note_kept(db, cure.incident.id, message, now)
            return message
    try:
        message = _roll_back(db, registry, cure, now)
    except Conflict as error:
        log.info("mended_elsewhere", incident_id=cure.incident.id, reason=str(error))
        return None
    note_mended(db, cure.incident.id, message, now)
    log.warning("mended", incident_id=cure.incident.id, outcome=message)
    return message


def _roll_back(db: Database, registry: Registry, cure: Cure, now: datetime) -> str:
    name = version_name(cure.release.row.plan.champion)
    if cure.release.before is None:
        return f"{name} could not be rolled back by itself: nothing served before it."
    try:
        row = rollback(
            db,
            registry,
            cure.release.before,
            reason=f"incident {cure.incident.id} within the baking time: {cure.incident.message}",
            by=PROGRAM,
            now=now,
            expected_revision=cure.revision,
        )
    except (InvalidInput, NotFound, Refused) as error:
        return f"{name} could not be rolled back by itself: {error}"
    return (
        f"Rolled back from {name} to {version_name(cure.release.before)} (revision "
        f"{row.revision}), since this began within the baking time of {name}."
    )
