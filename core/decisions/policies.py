"""Policies: set from labels, put in force and rolled back, each with a reason, and rehearsed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from core.audit.attempt import AuditedWrite, attempt
from core.decisions.rehearsal import (
    RedoLog,
    Rehearsal,
    build_pick_log,
    build_redo_log,
    rehearse_pick,
    rehearse_redo,
)
from core.decisions.threshold import (
    MIN_LABELS,
    LabelledScores,
    calibrate,
    choose_by_cost,
    choose_by_promise,
    measure_threshold,
)
from core.domain.actor import Act, Actor, Decider
from core.domain.decisions.policy import (
    DecisionPolicy,
    PolicyAction,
    PolicyChange,
    PolicyKind,
    PolicyTerms,
    RedoCosts,
    check_terms,
    policy_name,
)
from core.domain.version import HEURISTIC
from core.errors import Conflict, InvalidInput, Refused
from core.log import get_logger
from core.settings import Scale
from core.store.engine.database import Connection, Database
from core.store.models import deployments, policies
from core.store.predictions.decisions import (
    DecidedWork,
    LabelledScore,
    PickedCandidate,
    load_decided_work,
    load_labelled_scores,
    load_picks,
)
from core.store.predictions.predictions import read_all

_MAX_LABELS = 50_000
_MAX_DAYS = 3_650.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PolicyOverview:
    """All policies, newest first, and for each kind the change that is in force."""

    policies: tuple[DecisionPolicy, ...]
    in_force: Mapping[PolicyKind, PolicyChange]

    def find_policy(self, kind: PolicyKind) -> DecisionPolicy | None:
        """Return the policy in force for a kind."""
        change = self.in_force.get(kind)
        return next((p for p in self.policies if change and p.id == change.policy_id), None)

    def find_expected(self, kind: PolicyKind) -> int | None:
        """Return the number of the change in force, to be given back by who replaces it."""
        change = self.in_force.get(kind)
        return None if change is None else change.id


def load_overview(db: Database) -> PolicyOverview:
    """Load all policies, and which are in force."""
    with db.read() as conn:
        histories = {kind: policies.load_changes(conn, kind) for kind in PolicyKind}
        found = policies.load_policies(conn)
    return PolicyOverview(
        tuple(found), {kind: rows[-1] for kind, rows in histories.items() if rows}
    )


def set_policy(
    db: Database,
    terms: PolicyTerms,
    *,
    scale: Scale,
    expected: int | None,
    by: Actor,
    reason: str,
    now: datetime,
) -> DecisionPolicy:
    """Complete a rule from the labels of what serves, keep it as a policy and put it in force.

    `expected` is the number of the change that was in force for the kind when its author looked,
    None for none. Raises `InvalidInput` for a wrong rule, too few labels or no reason, `Refused`
    where no threshold holds its promise, and `Conflict` where another was put in force since."""
    check_terms(terms, scale.low, scale.high)
    target, details = f"{terms.kind.value} policy", {"terms": terms}
    with attempt(
        db, by, Act.POLICY, target, now=now, reason=_check_reason(reason), details=details
    ) as act:
        version, rows = load_labelled(db) if terms.kind is PolicyKind.REDO else (HEURISTIC, [])
        complete, figures = complete_terms(terms, rows, version, scale.high)
        with act.write() as conn:
            made = policies.append_policy(
                conn, complete, figures=figures, by=by.name, reason=act.reason, now=now
            )
            act.seal(Decider.POLICIES, made.id)
            _put_in_force(conn, act, made, PolicyAction.PUT_IN_FORCE, expected)
    log.info("policy_set", policy=made.name, kind=terms.kind.value, by=by.name)
    return made


def put_in_force(
    db: Database, policy_id: int, *, expected: int | None, by: Actor, reason: str, now: datetime
) -> PolicyChange:
    """Put a policy in force that is there already. Raises `NotFound`, and as `set_policy` does."""
    target = f"policy {policy_name(policy_id)}"
    with (
        attempt(db, by, Act.POLICY, target, now=now, reason=_check_reason(reason)) as act,
        act.write() as conn,
    ):
        policy = policies.get_policy(conn, policy_id)
        change = _put_in_force(conn, act, policy, PolicyAction.PUT_IN_FORCE, expected)
    log.info("policy_in_force", policy=policy.name, by=by.name)
    return change


def roll_back_policy(
    db: Database, kind: PolicyKind, *, by: Actor, reason: str, now: datetime
) -> PolicyChange:
    """Put the policy in force that was before the present one. Raises `InvalidInput` without a
    reason, and `Conflict` where there was none before."""
    target = f"{kind.value} policy"
    with (
        attempt(db, by, Act.POLICY, target, now=now, reason=_check_reason(reason)) as act,
        act.write() as conn,
    ):
        history = policies.load_changes(conn, kind)
        before = find_previous(history)
        if before is None:
            raise Conflict(
                f"No other {kind.value} policy was in force before; nothing was changed."
            )
        policy = policies.get_policy(conn, before)
        change = _put_in_force(conn, act, policy, PolicyAction.ROLLED_BACK, history[-1].id)
    log.info("policy_rolled_back", policy=policy.name, by=by.name)
    return change


def rehearse(
    db: Database, policy_id: int, *, days: float, now: datetime
) -> tuple[DecisionPolicy, Rehearsal]:
    """Return a policy with its figures on the decisions of the last days, which others made. Raises
    `NotFound`, `InvalidInput` for days that are none, and `Refused` where nothing was decided."""
    if not 0.0 < days <= _MAX_DAYS:
        raise InvalidInput(f"{days:g} days are none: give more than 0, up to {_MAX_DAYS:,.0f}.")
    since_at = now - timedelta(days=days)
    work: list[DecidedWork] = []
    picks: list[PickedCandidate] = []
    with read_all(db) as conn:
        policy = policies.get_policy(conn, policy_id)
        if policy.terms.kind is PolicyKind.REDO:
            work = load_decided_work(conn, since_at, _MAX_LABELS)
        else:
            picks = load_picks(conn, since_at, _MAX_LABELS)
    if not work and not picks:
        raise Refused(
            f"Nothing was decided by a {policy.terms.kind.value} policy in the last {days:g} days, "
            "so that there is nothing to rehearse on: ask for more days, or decide first."
        )
    if work:
        return policy, rehearse_redo(build_redo_log(work), policy.terms)
    return policy, rehearse_pick(build_pick_log(picks), policy.terms.exploration)


def find_previous(history: Sequence[PolicyChange]) -> int | None:
    """Return the policy that a rollback puts in force: the one before the present, and before that
    one after a rollback; None where there is none. `history` is oldest first.

    >>> at = datetime(2026, 3, 2)
    >>> rows = [
    ...     PolicyChange(n, at, "ada", PolicyKind.PICK, n, PolicyAction.PUT_IN_FORCE, "why")
    ...     for n in (1, 2, 3)
    ... ]
    >>> find_previous(rows)
    2
    >>> find_previous([*rows, replace(rows[1], id=4, action=PolicyAction.ROLLED_BACK)])
    1
    """
    stack: list[int] = []
    for change in history:
        if change.action is PolicyAction.ROLLED_BACK:
            while stack and stack[-1] != change.policy_id:
                stack.pop()
        elif not stack or stack[-1] != change.policy_id:
            stack.append(change.policy_id)
    return stack[-2] if len(stack) > 1 else None


def complete_terms(
    terms: PolicyTerms, rows: Sequence[LabelledScore], version: int, high: float
) -> tuple[PolicyTerms, dict[str, object]]:
    """Return a rule with what labels say of it: the share of bad work after a redo, P(bad | score)
    and, unless it is given, the threshold; and the figures of that threshold. Labels of chosen work
    count as many times as their choice was improbable. Raises as `choose_by_cost` and
    `choose_by_promise` do."""
    if terms.bar is None or terms.costs is None:
        return terms, {}
    bar, costs = terms.bar, terms.costs
    labelled = build_labelled(rows)
    enough = len(labelled) >= MIN_LABELS
    if enough:
        costs = estimate_costs(rows, bar, costs)
    threshold = terms.threshold
    if terms.promise is not None:
        # what was redone has no label: below a threshold that was in force, too few are left
        lowest = max((row.threshold for row in rows if row.threshold is not None), default=None)
        whole = [row for row in rows if lowest is None or row.score >= lowest]
        threshold = choose_by_promise(build_labelled(whole), bar, terms.promise)
    elif threshold is None:
        threshold = choose_by_cost(labelled, bar, costs, high)
    complete = replace(
        terms,
        costs=costs,
        threshold=threshold,
        calibration=calibrate(labelled, bar, version) if enough else None,
    )
    figures = asdict(measure_threshold(labelled, bar, costs, threshold)) if enough else {}
    return complete, figures


def estimate_costs(rows: Sequence[LabelledScore], bar: float, costs: RedoCosts) -> RedoCosts:
    """Return the costs with the share of redone work that is bad, unless it is given: by the labels
    of redone work where there are 30 or more, else by all labels; unchanged without labels."""
    if costs.bad_after_redo is not None or not rows:
        return costs
    redone = build_labelled([row for row in rows if row.attempt > 1])
    basis = redone if len(redone) >= MIN_LABELS else build_labelled(rows)
    share = float(np.average(basis.find_bad(bar), weights=basis.weights))
    return replace(costs, bad_after_redo=share)


def load_redo_log(db: Database, since_at: datetime, limit: int) -> RedoLog:
    """Load the newest redo decisions since a moment on work that a model scored."""
    with read_all(db) as conn:
        return build_redo_log(load_decided_work(conn, since_at, limit))


def build_labelled(rows: Sequence[LabelledScore]) -> LabelledScores:
    """Return labelled scores as arrays, each weighted by one over the probability with which its
    work was let through."""
    return LabelledScores(
        np.array([row.score for row in rows], dtype=np.float64),
        np.array([row.actual for row in rows], dtype=np.float64),
        np.array([1.0 / row.probability for row in rows], dtype=np.float64),
    )


def load_labelled(db: Database, limit: int = _MAX_LABELS) -> tuple[int, list[LabelledScore]]:
    """Return the version that serves, and its newest labelled scores of work that nobody picked."""
    with read_all(db) as conn:
        current = deployments.find_current(conn)
        version = HEURISTIC if current is None else current.plan.champion
        return version, load_labelled_scores(conn, version, limit)


def _put_in_force(
    conn: Connection,
    act: AuditedWrite,
    policy: DecisionPolicy,
    action: PolicyAction,
    expected: int | None,
) -> PolicyChange:
    history = policies.load_changes(conn, policy.terms.kind)
    newest = history[-1] if history else None
    if newest is not None and newest.id != expected:
        raise Conflict(
            f"{newest.by} put {policy_name(newest.policy_id)} in force at "
            f"{newest.at:%Y-%m-%d %H:%M} UTC ({newest.reason.rstrip('.')}); nothing was changed. "
            "Look at that policy, and do it again if yours is still wanted."
        )
    change = policies.append_change(
        conn, policy, action, by=act.by.name, reason=act.reason, now=act.now
    )
    act.seal(Decider.POLICY_CHANGES, change.id)
    act.note(
        before=None if newest is None else policy_name(newest.policy_id),
        after=policy.name,
        target=f"{policy.terms.kind.value} policy {policy.name}",
    )
    return change


def _check_reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput("A policy needs a reason: say why, for whoever reads the history.")
    return reason.strip()
