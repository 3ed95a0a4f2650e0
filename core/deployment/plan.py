"""The decisions on the version that serves, next and earlier; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core import text
from core.domain.deployment import Action, Deployment, Replay, serving_stack
from core.domain.training_report import Estimate, Gate
from core.domain.version import Version, version_name
from core.errors import Conflict, InvalidInput, Refused

_DID = {
    Action.DEPLOY: "deployed {champion}",
    Action.ROLLBACK: "rolled back to {champion}",
    Action.START_TRIAL: "put {challenger} on trial",
    Action.RAMP: "gave {challenger} {traffic} of the answers",
    Action.PROMOTE: "promoted {champion}",
    Action.STOP_TRIAL: "stopped the trial beside {champion}",
}


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that serves, and the row that deployed it."""

    version: int
    since: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Challenger:
    """The version on trial with the trial's results so far."""

    version: int
    traffic: float  # share 0..1
    ab_test: str | None
    n_pairs: int
    verdict: str  # "better", "worse", "equivalent", "not_yet" or "invalid"
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The current plan; revision 0 and no champion before the first deployment."""

    revision: int
    champion: Champion | None
    challenger: Challenger | None


def check_reason(reason: str) -> str:
    """Return the reason without surrounding space; raises `InvalidInput` without one.

    >>> check_reason("  better on new data ")
    'better on new data'
    """
    if not reason.strip():
        raise InvalidInput(
            "A change of what serves needs a reason: say why, for whoever reads the history."
        )
    return reason.strip()


def check_revision(current: Deployment | None, expected: int) -> None:
    """Raise `Conflict` where the plan is no longer the one that the person looked at.

    >>> check_revision(None, 0)
    """
    revision = 0 if current is None else current.revision
    if revision == expected:
        return
    if current is None:
        raise Conflict(
            f"Revision {expected} is not in this store: look again and repeat; nothing was changed."
        )
    raise Conflict(
        f"{current.by} {describe_action(current)} at {current.at:%H:%M} UTC "
        f"(reason: {current.reason}) while you were looking; nothing was changed. Look again, and "
        "repeat it if it is still right."
    )


def describe_action(row: Deployment) -> str:
    """Return the action of a row: "deployed v3", "put v4 on trial"."""
    plan = row.plan
    return _DID[row.action].format(
        champion=version_name(plan.champion),
        challenger="" if plan.challenger is None else version_name(plan.challenger),
        traffic=text.chosen_percent(plan.traffic),
    )


def check_deploy(
    number: int, gate: Gate | None, current: Deployment | None, *, override: bool
) -> bool:
    """Return whether the deployment overrides the gate; `gate` is None for the heuristic.

    Raises `Refused` where the version serves or is on trial already, or where its gate refused it
    and nobody overrides that. Another version ends a trial that runs.

    >>> check_deploy(3, Gate(True, ()), None, override=True)
    False
    """
    name = version_name(number)
    if current is not None and current.plan.champion == number:
        stop = "" if current.plan.challenger is None else " Stop the trial beside it instead."
        raise Refused(f"{name} serves already (revision {current.revision}).{stop}")
    if current is not None and current.plan.challenger == number:
        raise Refused(
            f"{name} is on trial as '{current.plan.ab_test}': promote it, or stop the trial first."
        )
    if gate is None or gate.passed:
        return False
    if not override:
        raise Refused(
            f"The gate refused {name}: {_sentence(gate.reasons)} Deploy another version, or "
            "override the gate with a reason."
        )
    return True


def choose_rollback(history: Sequence[Deployment]) -> int | None:
    """Return the version that served before the current one, or None. After v1, v2 and v3 were
    deployed, two rollbacks lead to v1.

    >>> choose_rollback([]) is None
    True
    """
    stack = serving_stack(history)
    return stack[-2] if len(stack) > 1 else None


def check_rollback(history: Sequence[Deployment], number: int | None) -> int:
    """Return the version to roll back to: `number`, or the one before if None. Raises `Refused` if
    no version, or not that one, served before."""
    stack = serving_stack(history)
    if not stack:
        raise Refused("Nothing was ever deployed, so there is nothing to roll back: deploy first.")
    serving, earlier = version_name(stack[-1]), stack[:-1]
    if not earlier:
        raise Refused(
            f"Nothing served before {serving}: deploy another version, or `heuristic` to run "
            "without a model."
        )
    if number is None:
        return earlier[-1]
    if number not in earlier:
        names = ", ".join(version_name(version) for version in dict.fromkeys(reversed(earlier)))
        raise Refused(
            f"{version_name(number)} is not among the versions to go back to from {serving}: "
            f"{names}. Deploy it instead."
        )
    return number


def build_evidence(
    version: Version | None, current: Deployment | None = None, replay: Replay | None = None
) -> Mapping[str, object]:
    """Return the evidence of a deployment, stored with its row: its training (the heuristic has
    none), its newest replay, and the trial that it ended.

    >>> build_evidence(None)
    {}
    """
    ended = current.plan.ab_test if current is not None else None
    evidence: dict[str, object] = {} if ended is None else {"ended_trial": ended}
    if replay is not None:
        evidence["replay"] = {"id": replay.id, "summary": replay.report.summary}
    if version is None:
        return evidence
    report = version.report
    mae = report.metrics.mae
    return {
        **evidence,
        "artifact_hash": version.artifact_hash,
        "run_id": version.run_id,
        "gate_passed": report.gate.passed,
        "gate_reasons": list(report.gate.reasons),
        "mae": {"value": mae.value, "low": mae.low, "high": mae.high},
        "n_holdout": report.n_holdout,
        "synthetic": report.synthetic,
        "summary": report.summary,
    }


def summarize_plan(
    history: Sequence[Deployment], challenger: Challenger | None = None
) -> PlanSummary:
    """Return the current plan from every row, oldest first; the champion's row is the one since
    which it has served without a break. `challenger` has the results of the current trial.

    >>> summarize_plan([])
    PlanSummary(revision=0, champion=None, challenger=None)
    """
    if not history:
        return PlanSummary(0, None, None)
    current = row = history[-1]
    for earlier in reversed(history):
        if earlier.plan.champion != current.plan.champion:
            break
        row = earlier
    champion = Champion(row.plan.champion, row.at, row.by, row.reason)
    return PlanSummary(current.revision, champion, challenger)


def _sentence(reasons: Sequence[str]) -> str:
    text = "; ".join(reason.strip().rstrip(".") for reason in reasons) or "it gave no reason"
    return text + "."
