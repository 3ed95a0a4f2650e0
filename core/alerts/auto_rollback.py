"""Automatic rollback: a release that turns critical within its baking time is rolled back once."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.alerts.incidents import note_mended
from core.alerts.rules import CONFIRM_AFTER, read_findings
from core.deployment.release import rollback
from core.domain.actor import PROGRAM
from core.domain.deployment import Deployment, Release, ReleaseEvidence, find_release
from core.domain.incident import EventKind, Incident
from core.domain.monitoring import Health, HealthReport
from core.domain.version import version_name
from core.errors import Conflict, InvalidInput, NotFound, Refused
from core.log import get_logger
from core.registry import Registry
from core.store.engine.database import Database
from core.store.models import deployments, trials
from core.store.monitoring import incidents

_ERROR = frozenset({"error_growth", "accuracy"})
_UNSCORED = frozenset({"error_rate", "fallback"})
CURABLE = _ERROR | _UNSCORED | {"collapsed", "latency"}
"""The checks that another version can cure."""

_MIN_REQUESTS = 10  # that both versions were asked, before they are compared
_DEVIATIONS = 3.0  # standard errors: the evidence is looked at every minute

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Cure:
    """The incident that asks for a rollback, and the version to serve; None if there is none."""

    incident: Incident
    checks: frozenset[str]  # that are critical and that another version can cure
    release: Release
    revision: int  # of the plan that this rests on


def mend(
    db: Database, registry: Registry, report: HealthReport, *, baking: timedelta, now: datetime
) -> str | None:
    """Roll back a release that turned critical within its baking time, unless that was tried;
    return a sentence on the outcome. `report` is the look that the incidents were told of last. If
    somebody else changes the plan first, nothing is done. Raises `Unavailable`, with nothing
    written, so that the next check tries again."""
    with db.read() as conn:
        history = deployments.load_history(conn)
        cure = choose_cure(history, incidents.load_unresolved(conn), report, now, baking)
        if cure is None:
            return None
        before = cure.release.before
        if before is not None:
            evidence = trials.measure_release(conn, cure.release.row, before)
            if not does_better(evidence, cure.checks):
                log.info("not_rolled_back", incident_id=cure.incident.id, evidence=repr(evidence))
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
    report: HealthReport,
    now: datetime,
    baking: timedelta,
) -> Cure | None:
    """Return the rollback that is due: the champion was deployed or promoted less than `baking`
    ago, and a check that another version can cure has been critical since then, in an open
    incident, for `CONFIRM_AFTER` and in this look. A release is rolled back once."""
    release = find_release(history, now, baking)
    if release is None:
        return None
    begun_at = release.row.at
    now_critical = {
        finding.cause for finding in read_findings(report) if finding.severity is Health.CRITICAL
    }
    for incident in unresolved:
        since = {
            check: incident.find_since(check, Health.CRITICAL) for check in CURABLE & now_critical
        }
        checks = frozenset(
            check
            for check, at in since.items()
            if at is not None and at > begun_at and now - at >= CONFIRM_AFTER
        )
        tried = any(
            event.kind is EventKind.MENDED and event.at > begun_at for event in incident.events
        )
        if incident.was_opened and checks and not tried:
            return Cure(incident, checks, release, history[-1].revision)
    return None


def does_better(evidence: ReleaseEvidence, checks: Collection[str]) -> bool:
    """Return whether the version before would do better in one of these critical checks. Latency
    and requests that fail are the release's fault, unless the version before could not score the
    same requests either; errors and collapsed scores only where it did better on the same ones.

    >>> does_better(ReleaseEvidence(), ["latency"]), does_better(ReleaseEvidence(), ["accuracy"])
    (True, False)
    >>> evidence = ReleaseEvidence(n_pairs=25, gain=3.0, deviation=4.0)
    >>> does_better(evidence, ["accuracy"])
    True
    """
    if "latency" in checks:
        return True
    n, n_unscored = evidence.n_pairs, evidence.n_unscored
    if not _UNSCORED.isdisjoint(checks) and (
        n_unscored < _MIN_REQUESTS or 2 * evidence.n_unscored_before < n_unscored
    ):
        return True
    if "collapsed" in checks and evidence.n_scores_before > evidence.n_scores:
        return True
    return (
        not _ERROR.isdisjoint(checks)
        and n >= _MIN_REQUESTS
        and evidence.gain > _DEVIATIONS * evidence.deviation / math.sqrt(n)
    )


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
