"""Decide whether training is due, log the decision, and request the training."""

from datetime import datetime, timedelta
from itertools import takewhile

from core.alerts.rules import Finding
from core.audit.attempt import attempt
from core.clock import TURNED
from core.domain.actor import PROGRAM, Act, Actor, Decider
from core.domain.deployment import RetrainingDecision
from core.domain.installation import AUTOMATION
from core.domain.job import FINAL, Job, JobStatus
from core.domain.monitoring import DriftCheck, Health, HealthReport
from core.domain.sample import Provenance, SampleCounts, choose_provenances
from core.domain.training_report import LEFT_OUT
from core.domain.version import Version
from core.errors import Conflict
from core.log import get_logger
from core.monitoring.drift.compare import list_mattering
from core.retraining.policy import BUDGET_SPAN, Policy, RetrainingInputs, decide_retraining
from core.store.data import samples, snapshots
from core.store.engine.database import Connection, Database
from core.store.jobs import jobs
from core.store.models import deployments, versions
from core.store.monitoring import drift
from core.store.predictions import feedback
from core.training.plan import RECENT, SCORE

_TRAIN = "train"
_FAILED = frozenset({JobStatus.LOST, JobStatus.FAILED})
_N_LOOKED_AT = 20
_SAID_AFTER = 3
"""Automatic trainings in a row that came to nothing, after which they are an incident."""

log = get_logger(__name__)


def describe_retraining(
    db: Database,
    policy: Policy,
    report: HealthReport | None,
    *,
    now: datetime,
    by: str = AUTOMATION,
) -> RetrainingDecision:
    """Return whether training is due, with the reasons; writes nothing."""
    with db.read() as conn:
        return _decide(conn, policy, report, now, by)


def check_retraining(
    db: Database,
    policy: Policy,
    report: HealthReport | None,
    *,
    seed: int,
    now: datetime,
    by: str = AUTOMATION,
) -> RetrainingDecision:
    """Decide, log the decision if its signals changed, and in mode "auto" request the training that
    is due, once."""
    decision = describe_retraining(db, policy, report, now=now, by=by)
    with db.read() as conn:
        last = deployments.load_decisions(conn, 1)
    starts = decision.retrain and policy.mode == "auto"
    if not starts and last and _is_same(last[0], decision):
        return decision
    with (
        attempt(db, PROGRAM, Act.RETRAIN, "retraining", now=now) as act,
        act.write() as conn,
    ):
        decision = _decide(conn, policy, report, now, by)
        if decision.retrain and policy.mode == "auto":
            reasons = " ".join(decision.reasons)
            job = _append_job(conn, policy, seed, by, reasons, now, deploys=True)
            decision = RetrainingDecision(now, True, decision.reasons, decision.signals, job.id, by)
            log.info("retraining_requested", job_id=job.id, signals=decision.signals)
        act.seal(Decider.RETRAINING_DECISIONS, deployments.append_decision(conn, decision))
        act.note(after={"retrain": decision.retrain, "signals": decision.signals})
    return decision


def start_retraining(
    db: Database,
    policy: Policy,
    *,
    seed: int,
    by: Actor,
    reason: str,
    now: datetime,
    deploys: bool = False,
) -> RetrainingDecision:
    """Request a training regardless of the signals; return the decision with its job. With
    `deploys`, a version that passes its gate goes on trial or serves. Raises `Conflict` if a
    training waits or runs."""
    with (
        attempt(db, by, Act.RETRAIN, "retraining", now=now, reason=reason) as act,
        act.write() as conn,
    ):
        open_job_id = _find_open_job(conn)
        if open_job_id is not None:
            raise Conflict(
                f"Job {open_job_id} is training or waits to: wait for it, or cancel it first."
            )
        job = _append_job(conn, policy, seed, by.name, reason, now, deploys=deploys)
        decision = RetrainingDecision(now, True, (reason,), ("requested",), job.id, by.name)
        act.seal(Decider.RETRAINING_DECISIONS, deployments.append_decision(conn, decision))
        act.note(after={"job": job.id})
    return decision


def find_kept_args(conn: Connection) -> dict[str, object]:
    """Return the arguments of a training that the next version takes over from the one that serves:
    the columns that a person left out of it, the suspect ones that a person said are known when it
    predicts (nobody is asked again), and its purpose."""
    current = deployments.find_current(conn)
    champion = None if current is None else versions.find_version(conn, current.plan.champion)
    if champion is None:
        return {"leave_out": [], "acknowledged": [], "purpose": SCORE}
    report = champion.report
    return {
        "leave_out": [name for name, why in report.left_out.items() if why.startswith(LEFT_OUT)],
        "acknowledged": list(report.acknowledged),
        "purpose": report.plan.get("purpose", SCORE),
    }


def load_facts(conn: Connection, report: HealthReport | None, now: datetime) -> RetrainingInputs:
    """Load the inputs of the decision."""
    current = deployments.find_current(conn)
    newest = next(iter(versions.load_versions(conn, 1)), None)
    trained_at = (
        None if newest is None else newest.created_at - timedelta(seconds=newest.report.seconds)
    )
    attempts = jobs.load_jobs(conn, 1, [_TRAIN])
    last = [job.finished_at or job.requested_at for job in attempts]
    if newest is not None:
        last.append(newest.created_at)
    n_collected, n_labelled = (
        (0, 0) if newest is None or trained_at is None else _count_new(conn, newest, trained_at)
    )
    return RetrainingInputs(
        champion=None if current is None else current.plan.champion,
        newest=None if newest is None else newest.number,
        trained_at=trained_at,
        n_new_samples=n_collected,
        n_new_labels=n_labelled,
        last_attempt_at=max(last, default=None),
        open_job_id=_find_open_job(conn),
        report=report,
        n_recent=versions.count_comparisons(conn, now - BUDGET_SPAN, now + TURNED),
        failures=_find_failures(conn),
        costly=()
        if current is None or trained_at is None
        else _find_costly_drift(conn, current.plan.champion, trained_at),
    )


def _find_failures(conn: Connection) -> tuple[Job, ...]:
    """Return the automatic trainings that came to nothing since the last that did not, newest
    first."""
    recent = jobs.load_jobs(conn, _N_LOOKED_AT, [_TRAIN])
    ended = [job for job in recent if job.status in FINAL and job.requested_by == AUTOMATION]
    return tuple(takewhile(lambda job: job.status in _FAILED, ended))


def judge_retraining(db: Database) -> Finding:
    """Return a finding on whether automatic trainings come to their end."""
    with db.read() as conn:
        failures = _find_failures(conn)
    if len(failures) < _SAID_AFTER:
        return Finding("retraining", Health.HEALTHY, "Automatic trainings end well.")
    message = (
        f"The last {len(failures)} automatic trainings came to nothing, the newest, job "
        f"{failures[0].id}, with: {failures[0].error}"
    )
    return Finding("retraining", Health.WARNING, message)


def _find_costly_drift(
    conn: Connection, champion: int, since_at: datetime
) -> tuple[DriftCheck, ...]:
    """Return the checks of the champion's newest window whose drift costs accuracy; none if the
    last training began after that window did."""
    report = drift.find_last_report(conn, champion)
    if report is None or report.from_at < since_at:
        return ()
    return list_mattering(report)


def _count_new(conn: Connection, newest: Version, trained_at: datetime) -> tuple[int, int]:
    """Count the rows that the newest version has not learned from: collected ones, and labelled
    predictions, each row once."""
    n_waiting = feedback.count_waiting(conn)
    counts = samples.count_samples(conn)
    if n_waiting:
        counts.append(SampleCounts("feedback", Provenance.FEEDBACK, n_waiting, None, None))
    chosen = set(choose_provenances(counts)) if counts else set()
    if not newest.report.synthetic:
        chosen.discard(Provenance.SYNTHETIC)
    taken_at = snapshots.get_snapshot(conn, newest.snapshot_id).created_at
    n_new = deployments.count_new_samples(conn, max(taken_at, trained_at), sorted(chosen))
    if Provenance.FEEDBACK not in chosen:
        return sum(n_new.values()), 0
    n_feedback = n_new.pop(Provenance.FEEDBACK)
    return sum(n_new.values()), n_feedback + n_waiting


def _decide(
    conn: Connection, policy: Policy, report: HealthReport | None, now: datetime, by: str
) -> RetrainingDecision:
    verdict = decide_retraining(load_facts(conn, report, now), policy, now)
    return RetrainingDecision(now, verdict.retrain, verdict.reasons, verdict.signals, None, by)


def _find_open_job(conn: Connection) -> int | None:
    recent = jobs.load_jobs(conn, 100, [_TRAIN])
    return next((job.id for job in recent if job.status not in FINAL), None)


def _append_job(
    conn: Connection,
    policy: Policy,
    seed: int,
    by: str,
    reason: str,
    now: datetime,
    *,
    deploys: bool,
) -> Job:
    args = {  # judged on the newest weeks only, so that it learns what the champion could not
        "recipe": policy.recipe,
        "seed": seed,
        "overrides": None,
        **find_kept_args(conn),
        "holdout": RECENT,
        "deploy": deploys,
    }
    return jobs.append_job(conn, _TRAIN, args, by=by, reason=reason, now=now)


def _is_same(old: RetrainingDecision, new: RetrainingDecision) -> bool:
    return old.retrain == new.retrain and old.signals == new.signals
