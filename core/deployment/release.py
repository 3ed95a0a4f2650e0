"""Releases: the only place where what serves is changed, one appended row at a time."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from core.artifacts.artifact import Artifact
from core.audit.attempt import AuditedWrite, attempt
from core.deployment.inputs_sent import InputsMissing, find_objection, load_requests
from core.deployment.plan import (
    PlanSummary,
    build_evidence,
    check_deploy,
    check_reason,
    check_revision,
    check_rollback,
    summarize_plan,
)
from core.deployment.trial import find_trial
from core.deployment.trial_status import load_standing
from core.domain.actor import Act, Actor, Decider
from core.domain.deployment import Action, Deployment, Plan
from core.domain.sample import Features
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import OpsError, Refused
from core.log import get_logger
from core.registry import Registry
from core.store.engine.database import Database
from core.store.models import deployments, replays, versions

log = get_logger(__name__)

Result = TypeVar("Result")


def deploy(
    db: Database,
    registry: Registry,
    number: int,
    *,
    reason: str,
    by: Actor,
    override: bool,
    now: datetime,
    expected_revision: int | None = None,
) -> Deployment:
    """Let a version (or 0, the heuristic) answer from now on; the row that says so. It ends a
    trial that runs.

    The artifact's hash and golden rows are checked before anything is locked. `expected_revision`
    is the plan that the person looked at; where not given, the one at the start of this call.
    Raises `NotFound` for a version that does not exist, `Refused` for one that may not serve,
    `Conflict` where somebody else changed the plan first, `InvalidInput` without a reason."""
    reason = check_reason(reason)
    with attempt(db, by, Act.DEPLOY, version_name(number), now=now, reason=reason) as tried:
        with db.read() as conn:
            version = None if number == HEURISTIC else versions.get_version(conn, number)
            current = deployments.find_current(conn)
            replay = replays.find_newest_replay(conn, number)
        expected = choose_expected(current, expected_revision)
        gate = None if version is None else version.report.gate
        check_revision(current, expected)
        overrides = check_deploy(number, gate, current, override=override)
        verify_version(registry, version)
        evidence = build_evidence(version, current, replay)
        step = ReleaseStep(Action.DEPLOY, Plan(champion=number), evidence, overrides)
        return append_step(tried, current, step)


def rollback(
    db: Database,
    registry: Registry,
    number: int | None,
    *,
    reason: str,
    by: Actor,
    now: datetime,
    override: bool = False,
    expected_revision: int | None = None,
) -> Deployment:
    """Let the version that served before answer again, or an earlier one by its number; the row
    that says so. Checks and errors are those of `deploy`; `Refused` too where callers do not send
    enough of what the version reads, unless overridden."""
    reason = check_reason(reason)
    wanted = "the version before" if number is None else version_name(number)
    with attempt(db, by, Act.ROLLBACK, wanted, now=now, reason=reason) as tried:
        target = _choose_target(db, number, expected_revision)
        with _as_refusal(target.version):
            artifact = target.load(registry)
            if artifact is not None:
                artifact.verify_golden()
        objection = target.find_objection(artifact)
        if objection and not override:
            raise InputsMissing(
                f"{objection} Override this with a reason to roll back all the same."
            )
        evidence = build_evidence(target.version, target.current)
        plan = Plan(champion=target.number)
        step = ReleaseStep(Action.ROLLBACK, plan, evidence, overrides=bool(objection))
        return append_step(tried, target.current, step)


@dataclass(frozen=True, slots=True)
class ReleaseStep:
    """A change of the plan that was found to be allowed, with what speaks for it."""

    action: Action
    plan: Plan
    evidence: Mapping[str, object]
    overrides: bool = False  # the gate or the trial says otherwise


def append_step(tried: AuditedWrite, current: Deployment | None, step: ReleaseStep) -> Deployment:
    """Put a plan in force, tell of it, and return its row. Raises `Conflict` where `current` is no
    longer in force, and what `AuditedWrite.escalate` does where the step overrides."""
    if step.overrides:
        tried.escalate(Act.OVERRIDE)
    with tried.write() as conn:
        check_revision(deployments.find_current(conn), 0 if current is None else current.revision)
        deployment = deployments.append_deployment(
            conn,
            action=step.action,
            plan=step.plan,
            reason=tried.reason,
            by=tried.by.name,
            override=step.overrides,
            evidence=step.evidence,
            now=tried.now,
        )
        tried.note(before=None if current is None else current.plan, after=deployment.plan)
        tried.seal(Decider.DEPLOYMENTS, deployment.revision)
    announce(deployment)
    return deployment


@dataclass(frozen=True, slots=True)
class RehearsalStep:
    """One step of a rollback, done without the switch."""

    name: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class ReleaseRehearsal:
    """The target of a rollback, the time of each of its steps, and what speaks against it."""

    target: int
    steps: tuple[RehearsalStep, ...]
    objection: str  # what callers do not send of what it reads; empty where nothing is missing

    @property
    def milliseconds(self) -> float:
        """All steps together; the API's workers follow a quarter of a second later at most."""
        return math.fsum(step.milliseconds for step in self.steps)


def rehearse_rollback(
    db: Database, registry: Registry, number: int | None, *, timer: Callable[[], float]
) -> ReleaseRehearsal:
    """Run all of `rollback` but the switch; change nothing. `timer` counts seconds. Errors are
    those of the rollback."""
    steps: list[RehearsalStep] = []

    def do(name: str, work: Callable[[], Result]) -> Result:
        started = timer()
        result = work()
        steps.append(RehearsalStep(name, (timer() - started) * 1000))
        return result

    target = do("read the history and choose the version", lambda: _choose_target(db, number, None))
    objection = ""
    if target.version is not None:
        with _as_refusal(target.version):
            artifact = do("load the artifact and check its hash", lambda: target.load(registry))
            assert artifact is not None
            do("score its golden rows", artifact.verify_golden)
        objection = do("check what callers send", lambda: target.find_objection(artifact))
    do("take the lock and check the plan", lambda: _take_lock(db, target.current))
    return ReleaseRehearsal(target.number, tuple(steps), objection)


def describe_plan(db: Database, now: datetime) -> PlanSummary:
    """Return the current plan: the version, since when, by whom and why, and the results of its
    trial."""
    with db.read() as conn:
        history = deployments.load_history(conn)
        trial = find_trial(history)
        if trial is None:
            return summarize_plan(history)
        return summarize_plan(history, load_standing(conn, trial, now).challenger)


def what_served(db: Database, at: datetime) -> Deployment | None:
    """Return the deployment at a moment, or None before the first."""
    with db.read() as conn:
        return deployments.find_current_at(conn, at)


def choose_expected(current: Deployment | None, expected_revision: int | None) -> int:
    """Return the revision that the person looked at, by default the current one."""
    if expected_revision is not None:
        return expected_revision
    return 0 if current is None else current.revision


def verify_version(registry: Registry, version: Version | None) -> None:
    """Load a version the way serving will, and let it score its golden rows. Raises `Refused` where
    it cannot be loaded, or scores on another scale than what is served: serving refuses it too."""
    if version is None:
        return
    with _as_refusal(version):
        artifact = registry.load_artifact(version.artifact_hash)
        artifact.verify_golden()
    card, scale = artifact.card, registry.scale
    if scale is not None and (card.scale_low, card.scale_high) != (scale.low, scale.high):
        raise Refused(
            f"{version.name} was trained on the scale {card.scale_low:g}:{card.scale_high:g} and "
            f"PLUMBLINE_SCALE is {scale.low:g}:{scale.high:g}, so that it could not answer: set it "
            "back, or train again."
        )


def announce(deployment: Deployment) -> None:
    """Log a release. The alias in MLflow follows by the schedule: a release never waits for
    tracking."""
    champion, challenger = deployment.plan.champion, deployment.plan.challenger
    log.info(
        "released",
        action=deployment.action.value,
        version=version_name(champion),
        challenger=None if challenger is None else version_name(challenger),
        revision=deployment.revision,
        by=deployment.by,
        reason=deployment.reason,
    )


@dataclass(frozen=True, slots=True)
class _Target:
    """The version that a rollback leads to (None: the heuristic), from which row, and the features
    of the newest requests."""

    current: Deployment
    number: int
    version: Version | None
    serving: Version | None
    requests: Sequence[Features]

    def load(self, registry: Registry) -> Artifact | None:
        version = self.version
        return None if version is None else registry.load_artifact(version.artifact_hash)

    def find_objection(self, artifact: Artifact | None) -> str:
        if self.version is None or artifact is None:
            return ""
        return find_objection(self.version, artifact.card, self.serving, self.requests)


def _choose_target(db: Database, number: int | None, expected_revision: int | None) -> _Target:
    with db.read() as conn:
        history = deployments.load_history(conn)
        current = history[-1] if history else None
        check_revision(current, choose_expected(current, expected_revision))
        target = check_rollback(history, number)
        version = None if target == HEURISTIC else versions.get_version(conn, target)
        champion = history[-1].plan.champion
        serving = None if champion == HEURISTIC else versions.get_version(conn, champion)
        return _Target(history[-1], target, version, serving, load_requests(conn))


def _take_lock(db: Database, current: Deployment) -> None:
    with db.write() as conn:
        check_revision(deployments.find_current(conn), current.revision)


@contextmanager
def _as_refusal(version: Version | None) -> Iterator[None]:
    try:
        yield
    except OpsError as error:
        if version is None:
            raise
        raise Refused(
            f"{version.name} was not deployed and what serves was not changed: {error}"
        ) from error
