"""The verbs about decisions: the policies that pick and redo, and what they did."""

from typing import Annotated, Any

import msgspec
import typer

from core import text
from core.bootstrap import build_app, local_actor
from core.cli.output import AsJson, Reason, emit
from core.decisions.policies import (
    PolicyOverview,
    load_overview,
    put_in_force,
    rehearse,
    roll_back_policy,
    set_policy,
)
from core.decisions.rehearsal import Rehearsal
from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import (
    DEFAULT_EXPLORATION,
    DecisionPolicy,
    PolicyChange,
    PolicyKind,
    PolicyTerms,
    RedoAction,
    RedoCosts,
    parse_policy,
    policy_name,
)
from core.store.predictions.decisions import load_decisions

policies_cli = typer.Typer(
    help="List the policies that pick and redo, set one, or put one in force again."
)


def add_verbs(cli: typer.Typer) -> None:
    """Add policies and decisions."""
    cli.add_typer(policies_cli, name="policies")
    cli.command()(decisions)


@policies_cli.callback(invoke_without_command=True)
def list_policies(context: typer.Context, as_json: AsJson = False) -> None:
    """List the policies that pick and redo, set one, or put one in force again."""
    if context.invoked_subcommand is not None:
        return
    found = load_overview(build_app().db)
    in_force = {kind.value: policy_name(row.policy_id) for kind, row in found.in_force.items()}
    emit(
        {"in_force": in_force, "policies": [_view(policy) for policy in found.policies]},
        lambda: _write_overview(found),
        as_json,
    )


@policies_cli.command(name="set")
def set_one(
    kind: PolicyKind,
    reason: Reason = "",
    explore: Annotated[
        float, typer.Option(help="Share of the requests where chance decides.")
    ] = DEFAULT_EXPLORATION,
    bar: Annotated[float | None, typer.Option(help="Work with a truth under it is bad.")] = None,
    cost_redo: Annotated[float | None, typer.Option(help="Of a redo, in your unit.")] = None,
    cost_bad: Annotated[
        float | None, typer.Option(help="Of bad work that is shown, in your unit.")
    ] = None,
    bad_after_redo: Annotated[
        float | None,
        typer.Option(help="Share of redone work that is bad; by default what labels say."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Redo scores under it; by default the one with the least cost."),
    ] = None,
    promise: Annotated[
        float | None,
        typer.Option(help="Find the threshold by the share of bad work that may be shown, 0.02."),
    ] = None,
    max_attempts: Annotated[int, typer.Option(help="Work of this attempt is accepted.")] = 3,
    on_heuristic: Annotated[
        RedoAction, typer.Option(help="What happens to work that no model has scored.")
    ] = RedoAction.ACCEPT,
    as_json: AsJson = False,
) -> None:
    """Set a policy from the labels that there are, and put it in force."""
    app = build_app()
    costs = None
    if cost_redo is not None and cost_bad is not None:
        costs = RedoCosts(cost_redo, cost_bad, bad_after_redo)
    made = set_policy(
        app.db,
        PolicyTerms(
            kind=kind,
            exploration=explore,
            bar=bar,
            costs=costs,
            threshold=threshold,
            promise=promise,
            max_attempts=max_attempts,
            on_heuristic=on_heuristic,
        ),
        scale=app.settings.scale,
        expected=load_overview(app.db).find_expected(kind),
        by=local_actor(app.settings),
        reason=reason,
        now=app.now(),
    )
    emit(_view(made), lambda: f"In force from now on: {describe_policy(made)}", as_json)


@policies_cli.command()
def use(
    policy: Annotated[str, typer.Argument(help="p3 or 3.")],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Put a policy in force that is there already."""
    app, number = build_app(), parse_policy(policy)
    overview = load_overview(app.db)
    kind = next((one.terms.kind for one in overview.policies if one.id == number), PolicyKind.PICK)
    change = put_in_force(
        app.db,
        number,
        expected=overview.find_expected(kind),
        by=local_actor(app.settings),
        reason=reason,
        now=app.now(),
    )
    emit(_view_change(change), lambda: _write_change(change), as_json)


@policies_cli.command()
def rollback(kind: PolicyKind, reason: Reason = "", as_json: AsJson = False) -> None:
    """Put the policy in force that was before the present one."""
    app = build_app()
    change = roll_back_policy(
        app.db, kind, by=local_actor(app.settings), reason=reason, now=app.now()
    )
    emit(_view_change(change), lambda: _write_change(change), as_json)


@policies_cli.command(name="rehearse")
def rehearse_one(
    policy: Annotated[str, typer.Argument(help="p3 or 3.")],
    days: Annotated[float, typer.Option(help="Days back.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Show what a policy would have done to the decisions of the last days, and what that is
    worth."""
    app = build_app()
    found, rehearsal = rehearse(app.db, parse_policy(policy), days=days, now=app.now())
    emit(
        {"policy": found.name, "kind": found.terms.kind.value, **msgspec.to_builtins(rehearsal)},
        lambda: _write_rehearsal(found, rehearsal),
        as_json,
    )


def decisions(
    kind: Annotated[PolicyKind | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest decisions, each with the probability that it had."""
    with build_app().db.read() as conn:
        found = load_decisions(conn, limit, kind)
    emit(
        {"decisions": [_view_decision(one) for one in found]},
        lambda: "\n".join(map(_write_decision, found)) or "Nothing was decided yet.",
        as_json,
    )


def describe_policy(policy: DecisionPolicy) -> str:
    """Return a policy in a line: its rule and, where labels say something of it, its figures."""
    terms, figures = policy.terms, policy.figures
    said = f"{policy.name} {terms.kind.value}, {text.chosen_percent(terms.exploration)} by chance"
    if terms.threshold is not None and terms.bar is not None:
        said += f"; redoes scores under {terms.threshold:g}, bad is under {terms.bar:g}"
        if terms.promise is not None:
            said += f", at most {text.chosen_percent(terms.promise)} bad of what is accepted"
        said += f"; at most {terms.max_attempts} attempts"
    if figures:
        said += (
            f"; on {figures['n_labels']} labels it redoes "
            f"{text.percent(_get(figures, 'redo_share'))} and costs "
            f"{_get(figures, 'cost'):.3g} a request, never redoing "
            f"{_get(figures, 'cost_never'):.3g}"
        )
    return f"{said}. {policy.by}, {policy.at:%Y-%m-%d %H:%M} UTC: {policy.reason}"


def _write_rehearsal(policy: DecisionPolicy, found: Rehearsal) -> str:
    unit = "points" if policy.terms.kind is PolicyKind.PICK else "of your unit"
    lines = [
        f"{policy.name} on {found.n_decisions:,} decisions, of which {found.n_labels:,} have a "
        f"label; for it they count as {found.effective_labels:,.0f}."
    ]
    shares = (
        ("redone", found.redo_share),
        ("bad of what is accepted", found.bad_shown),
        ("bad, doubly robust", found.robust_bad_shown),
    )
    lines += [
        f"  {name}: {one.value:.1%} ({one.low:.1%} to {one.high:.1%})"
        for name, one in shares
        if one is not None
    ]
    values = (("value a request", found.value), ("value, doubly robust", found.robust_value))
    lines += [
        f"  {name}: {one.value:.3g} {unit} ({one.low:.3g} to {one.high:.3g})"
        for name, one in values
        if one is not None
    ]
    if found.unknown:
        lines.append(f"  what it shows is {found.unknown}")
    return "\n".join(lines)


def _view_decision(decision: LoggedDecision) -> dict[str, Any]:
    viewed: dict[str, Any] = msgspec.to_builtins(decision)
    policy_id = viewed.pop("policy_id")
    return {**viewed, "policy": None if policy_id is None else policy_name(policy_id)}


def _write_decision(decision: LoggedDecision) -> str:
    by = "no policy" if decision.policy_id is None else policy_name(decision.policy_id)
    done = decision.action.value if decision.action else f"picked 1 of {decision.n_candidates}"
    chance = ", by chance" if decision.explored else ""
    return (
        f"{decision.at:%Y-%m-%d %H:%M:%S} UTC  {decision.id}  {done} by {by} with probability "
        f"{decision.probability:.3g}{chance}"
    )


def _get(figures: Any, name: str) -> float:
    return float(figures[name])


def _write_overview(found: PolicyOverview) -> str:
    if not found.policies:
        return (
            "No policy yet: ranked requests get their best score, and nothing is redone. Next: "
            "`policies set pick --reason TEXT`, or `policies set redo --bar 60 --cost-redo 1 "
            "--cost-bad 10 --reason TEXT`."
        )
    numbers = {row.policy_id for row in found.in_force.values()}
    return "\n".join(
        f"{'in force' if policy.id in numbers else '':9} {describe_policy(policy)}"
        for policy in found.policies
    )


def _view(policy: DecisionPolicy) -> dict[str, Any]:
    terms: dict[str, Any] = msgspec.to_builtins(policy.terms)
    return {
        "policy": policy.name,
        **terms,
        "figures": policy.figures,
        "at": policy.at,
        "by": policy.by,
        "reason": policy.reason,
    }


def _view_change(change: PolicyChange) -> dict[str, Any]:
    return {
        "policy": policy_name(change.policy_id),
        "kind": change.kind.value,
        "action": change.action.value,
        "at": change.at,
        "by": change.by,
        "reason": change.reason,
    }


def _write_change(change: PolicyChange) -> str:
    return f"{policy_name(change.policy_id)} decides from now on ({change.kind.value})."
