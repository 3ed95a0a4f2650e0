"""Trials: started, widened, stopped and promoted, each by one appended row."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from core.audit.attempt import AuditedWrite, attempt
from core.deployment.inputs_sent import find_objection, load_requests
from core.deployment.plan import build_evidence, check_reason, check_revision
from core.deployment.ramp import NextStep, StepKind, check_share
from core.deployment.release import ReleaseStep, append_step, choose_expected, verify_version
from core.deployment.trial import (
    Standing,
    build_trial_evidence,
    check_name,
    check_promotion,
    check_running,
    check_start,
    check_widening,
    find_trial,
    freeze_verdict,
)
from core.deployment.trial_status import count_pairs, load_standing
from core.domain.actor import PROGRAM, Act, Actor
from core.domain.deployment import Action, Deployment, Plan
from core.domain.trial import Trial, TrialSettings
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import Conflict
from core.log import get_logger
from core.registry import Registry
from core.store.engine.database import Database
from core.store.models import deployments, replays, trials, versions

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TrialStart:
    """A trial that is to start; `salt` mixes the units anew."""

    challenger: int
    name: str
    traffic: float  # share 0..1 of the answers that come from the challenger
    settings: TrialSettings
    salt: str


def start_trial(
    db: Database,
    registry: Registry,
    start: TrialStart,
    *,
    reason: str,
    by: Actor,
    override: bool,
    now: datetime,
    expected_revision: int | None = None,
) -> Deployment:
    """Let a challenger score every request as well as the champion, and answer a share of them;
    return the row that says so, with the settings that the trial is judged by. Where the challenger
    is on this trial already, it gets the share and all else stays.

    Raises `NotFound` for a version that does not exist, `Refused` for one that may not be tried or
    while another trial runs, `InvalidInput` for a share that is none or without a name or reason,
    `Conflict` where somebody else changed the plan first."""
    number, reason = start.challenger, check_reason(reason)
    name, traffic = check_name(start.name), check_share(start.traffic)
    target, details = f"trial {name} of {version_name(number)}", {"traffic": traffic}
    with attempt(db, by, Act.TRIAL, target, now=now, reason=reason, details=details) as tried:
        with db.read() as conn:
            history = deployments.load_history(conn)
            current = history[-1] if history else None
            expected = choose_expected(current, expected_revision)
            check_revision(current, expected)
            champion = HEURISTIC if current is None else current.plan.champion
            version = None if number == HEURISTIC else versions.get_version(conn, number)
            serving = None if champion == HEURISTIC else versions.get_version(conn, champion)
            replay = replays.find_newest_replay(conn, number)
            requests = load_requests(conn)
        trial = find_trial(history)
        if trial is not None and (trial.name, trial.challenger) == (name, number):
            return _widen(tried, name, traffic, expected)
        card = None if version is None else registry.load_artifact(version.artifact_hash).card
        objection = (
            ""
            if version is None or card is None or serving is None
            else find_objection(version, card, serving, requests, assumes=True)
        )
        overridden = check_start(version, serving, trial, objection=objection, override=override)
        verify_version(registry, version)
        evidence = {**build_evidence(version, replay=replay), "trial": asdict(start.settings)}
        plan = Plan(champion, number, traffic, name, start.salt)
        step = ReleaseStep(Action.START_TRIAL, plan, evidence, overridden)
        return append_step(tried, current, step)


def widen_trial(
    db: Database,
    name: str,
    *,
    traffic: float,
    reason: str,
    by: Actor,
    now: datetime,
    expected_revision: int | None = None,
) -> Deployment:
    """Give the challenger another share of the answers, smaller or larger; the row that says so.
    Errors are those of `start_trial`."""
    reason, traffic = check_reason(reason), check_share(traffic)
    target, details = f"trial {name}", {"traffic": traffic}
    with attempt(db, by, Act.TRIAL, target, now=now, reason=reason, details=details) as tried:
        return _widen(tried, name, traffic, expected_revision)


def stop_trial(
    db: Database,
    name: str,
    *,
    reason: str,
    by: Actor,
    now: datetime,
    expected_revision: int | None = None,
) -> Deployment:
    """Let the champion answer everything again; the row that says so, with what the trial said.
    Errors are those of `start_trial`."""
    reason = check_reason(reason)
    with attempt(db, by, Act.TRIAL, f"trial {name}", now=now, reason=reason) as tried:
        current, standing = _load(db, name, now, expected_revision)
        plan = Plan(champion=current.plan.champion)
        step = ReleaseStep(Action.STOP_TRIAL, plan, _build_evidence(standing))
        return append_step(tried, current, step)


def promote(
    db: Database,
    registry: Registry,
    name: str,
    *,
    reason: str,
    by: Actor,
    override: bool,
    now: datetime,
    expected_revision: int | None = None,
) -> Deployment:
    """Make the challenger of a trial the champion; the row that says so, with what the trial said.

    Raises `Refused` where the trial has not found it better, unless overridden, or where it does
    not load; otherwise as `start_trial`."""
    reason, target, details = check_reason(reason), f"trial {name}", {"promote": True}
    with attempt(db, by, Act.TRIAL, target, now=now, reason=reason, details=details) as tried:
        current, standing = _load(db, name, now, expected_revision)
        overridden = check_promotion(standing.trial, standing.report, override=override)
        with db.read() as conn:
            version = versions.get_version(conn, standing.trial.challenger)
        verify_version(registry, version)
        evidence = _build_evidence(standing, version)
        step = ReleaseStep(Action.PROMOTE, Plan(champion=version.number), evidence, overridden)
        return append_step(tried, current, step)


def describe_trial(db: Database, now: datetime) -> Standing | None:
    """Return the current trial with its results and next step; None if there is none."""
    with db.read() as conn:
        trial = find_trial(deployments.load_history(conn))
        return None if trial is None else load_standing(conn, trial, now)


def watch_trial(db: Database, registry: Registry, now: datetime) -> NextStep | None:
    """Count the new pairs, keep the verdict of the trial that runs at its first crossing, and do
    what its settings let it do by itself; the decision, or None where no trial runs.

    Where a person changed the plan in the meantime nothing is done: the next look decides anew."""
    count_pairs(db, now)
    with db.read() as conn:
        history = deployments.load_history(conn)
        trial = find_trial(history)
        if trial is None:
            return None
        standing = load_standing(conn, trial, now)
    frozen = freeze_verdict(trial, standing.report, now)
    if frozen is not None:
        with db.write() as conn:
            if trials.append_verdict(conn, frozen):
                log.info("trial_decided", ab_test=trial.name, verdict=frozen.verdict.value)
    try:
        _do(db, registry, trial, standing.following, history[-1].revision, now)
    except Conflict as error:
        log.info("trial_left_alone", ab_test=trial.name, error=str(error))
    return standing.following


def _do(
    db: Database,
    registry: Registry,
    trial: Trial,
    following: NextStep,
    expected_revision: int,
    now: datetime,
) -> None:
    who = {
        "reason": " ".join(following.reasons),
        "by": PROGRAM,
        "now": now,
        "expected_revision": expected_revision,
    }
    match following.kind:
        case StepKind.WIDEN:
            widen_trial(db, trial.name, traffic=following.traffic, **who)  # type: ignore[arg-type]
        case StepKind.STOP:
            stop_trial(db, trial.name, **who)  # type: ignore[arg-type]
        case StepKind.PROMOTE:
            promote(db, registry, trial.name, override=False, **who)  # type: ignore[arg-type]


def _load(
    db: Database, name: str, now: datetime, expected_revision: int | None
) -> tuple[Deployment, Standing]:
    """Return the current row and the trial of this name."""
    with db.read() as conn:
        history = deployments.load_history(conn)
        current = history[-1] if history else None
        check_revision(current, choose_expected(current, expected_revision))
        trial = check_running(find_trial(history), name)
        return history[-1], load_standing(conn, trial, now)


def _widen(
    tried: AuditedWrite, name: str, traffic: float, expected_revision: int | None
) -> Deployment:
    current, standing = _load(tried.db, name, tried.now, expected_revision)
    check_widening(standing.trial, traffic)
    plan = replace(current.plan, traffic=traffic)
    return append_step(tried, current, ReleaseStep(Action.RAMP, plan, _build_evidence(standing)))


def _build_evidence(standing: Standing, version: Version | None = None) -> Mapping[str, object]:
    return {
        **build_evidence(version),
        "trial_result": build_trial_evidence(standing.trial, standing.report, standing.conduct),
    }
