"""What may serve next, and what served: decisions about the plan, from values alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.deployment import Action, Deployment
from core.domain.report import Estimate, Gate
from core.domain.version import Version, version_name
from core.errors import Conflict, InvalidInput, Refused

_PUSHES = {Action.DEPLOY, Action.PROMOTE}


@dataclass(frozen=True, slots=True)
class Champion:
    """Which version serves, and the row that put it there."""

    version: int
    since: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Challenger:
    """The version on trial and what the trial says so far."""

    version: int
    traffic: float  # share 0..1
    ab_test: str | None
    n_pairs: int
    verdict: str  # "better", "worse", "equivalent", "not_yet" or "invalid"
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The plan in force; revision 0 and no champion before the first deployment."""

    revision: int
    champion: Champion | None
    challenger: Challenger | None


def check_reason(reason: str) -> str:
    """The reason without surrounding space; raises `InvalidInput` where none was given.

    >>> check_reason("  better on new data ")
    'better on new data'
    """
    if not reason.strip():
        raise InvalidInput(
            "A change of what serves needs a reason: say why, for whoever reads the history."
        )
    return reason.strip()


def check_traffic(traffic: float) -> None:
    """Raise `Refused` for a share of the traffic other than all of it.

    >>> check_traffic(1.0)
    """
    if traffic != 1.0:
        raise Refused(
            f"Deploying to {traffic:.0%} of the traffic is not possible yet: deploy to all of it, "
            "and roll back if it does worse."
        )


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
    did = "rolled back to" if current.action is Action.ROLLBACK else "deployed"
    raise Conflict(
        f"{current.by} {did} {version_name(current.plan.champion)} at {current.at:%H:%M} UTC "
        f"(reason: {current.reason}) while you were looking; nothing was changed. Look again, and "
        "repeat it if it is still right."
    )


def check_deploy(
    number: int, gate: Gate | None, current: Deployment | None, *, override: bool
) -> bool:
    """Whether the deployment overrides the gate; `gate` is None for the heuristic.

    Raises `Refused` where the version serves already, or where its gate refused it and nobody
    overrides that.

    >>> check_deploy(3, Gate(True, ()), None, override=True)
    False
    """
    name = version_name(number)
    if current is not None and current.plan.champion == number and not current.plan.challenger:
        raise Refused(f"{name} serves already (revision {current.revision}).")
    if gate is None or gate.passed:
        return False
    if not override:
        raise Refused(
            f"The gate refused {name}: {_sentence(gate.reasons)} Deploy another version, or "
            "override the gate with a reason."
        )
    return True


def serving_stack(history: Sequence[Deployment]) -> tuple[int, ...]:
    """The versions that a rollback goes back through, the one in force last. `history` is every
    row, oldest first: a deployment or promotion pushes its champion, a rollback pops.

    >>> serving_stack([])
    ()
    """
    stack: list[int] = []
    for row in history:
        champion = row.plan.champion
        if row.action in _PUSHES:
            stack.append(champion)
        elif row.action is Action.ROLLBACK:
            stack = stack[:-1]
            while stack and stack[-1] != champion:
                stack.pop()
    return tuple(stack)


def choose_rollback(history: Sequence[Deployment]) -> int | None:
    """The version that served before the one in force, or None where there is none. After v1, v2
    and v3 were deployed, two rollbacks lead to v1.

    >>> choose_rollback([]) is None
    True
    """
    stack = serving_stack(history)
    return stack[-2] if len(stack) > 1 else None


def check_rollback(history: Sequence[Deployment], number: int | None) -> int:
    """The version to roll back to: `number`, or the one before where None. Raises `Refused`
    where nothing served before, or not that version."""
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


def build_evidence(version: Version | None) -> Mapping[str, object]:
    """What a deployment rested on, kept with its row; nothing for the heuristic.

    >>> build_evidence(None)
    {}
    """
    if version is None:
        return {}
    report = version.report
    mae = report.metrics.mae
    return {
        "artifact_hash": version.artifact_hash,
        "run_id": version.run_id,
        "gate_passed": report.gate.passed,
        "gate_reasons": list(report.gate.reasons),
        "mae": {"value": mae.value, "low": mae.low, "high": mae.high},
        "n_holdout": report.n_holdout,
        "synthetic": report.synthetic,
        "summary": report.summary,
    }


def summarize_plan(history: Sequence[Deployment]) -> PlanSummary:
    """The plan in force by every row, oldest first; the champion's row is the one since which it
    has served without a break.

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
    return PlanSummary(current.revision, champion, None)


def _sentence(reasons: Sequence[str]) -> str:
    text = "; ".join(reason.strip().rstrip(".") for reason in reasons) or "it gave no reason"
    return text + "."
