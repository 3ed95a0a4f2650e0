"""The version that serves, and the forms that deploy and roll back."""

import time
from collections.abc import Sequence
from datetime import datetime

from core import text
from core.bootstrap import App
from core.deployment import release
from core.deployment.inputs_sent import InputsMissing
from core.deployment.plan import PlanSummary
from core.domain.actor import Act
from core.domain.deployment import Action, Deployment, Replay
from core.domain.history import N_RECENT_LABELS
from core.domain.version import HEURISTIC, Version, version_name
from core.monitoring.measure.heuristic import measure_heuristic
from core.store.predictions import labels
from ui import st
from ui.common import actions, context, tables
from ui.deployments import replays
from ui.markup import Markdown
from ui.training import reports

_ACTIONS = {
    Action.DEPLOY: "deployed",
    Action.ROLLBACK: "rolled back",
    Action.START_TRIAL: "trial started",
    Action.RAMP: "ramped",
    Action.PROMOTE: "promoted",
    Action.STOP_TRIAL: "trial stopped",
}
_OBJECTED = "rollback_objected"  # which rollback was refused for want of inputs
_FOLLOWS = "The API follows within a second; the history has every step."


def show_champion(summary: PlanSummary, trained: Sequence[Version], now: datetime) -> None:
    """Show the version that serves, since when, by whom and why."""
    champion = summary.champion
    with st.container(border=True):
        if champion is None:
            st.markdown(Markdown("### No version serves yet"))
            st.markdown("The heuristic answers, marked as such.")
            return
        st.markdown(Markdown("### {} serves").format(version_name(champion.version)))
        st.markdown(
            f"Since {text.moment_ago(champion.since, now)}, by {champion.by}. "
            f"Reason: {champion.reason}"
        )
        version = _find(champion.version, trained)
        if version is not None:
            st.markdown(reports.badges(version.report) + " " + version.report.summary)


def pick_version(trained: Sequence[Version]) -> int:
    """Return the version to deploy, or 0 for the heuristic."""
    heuristic = {HEURISTIC: "heuristic · no model, a weighted mean answers"}
    return reports.pick(trained, "Version to deploy", extra=heuristic)


def show_choice(app: App, number: int, summary: PlanSummary, trained: Sequence[Version]) -> None:
    """Show the version to be deployed, unless it serves."""
    if summary.champion is not None and summary.champion.version == number:
        return
    version = _find(number, trained)
    if version is None:
        st.caption(_describe_heuristic(app))
        return
    st.markdown(
        Markdown("**{}** {} {}").format(
            version.name, reports.badges(version.report), version.report.summary
        )
    )
    reports.show_gate(version)


def _describe_heuristic(app: App) -> str:
    what = (
        "The heuristic is no model: it answers with the weighted mean of the base metrics, else "
        "with the mean of the newest labels of the same category, else of all."
    )
    settings = app.settings
    with app.db.read() as conn:
        labelled = labels.load_recent_outcomes(conn, N_RECENT_LABELS)
    found = measure_heuristic(labelled, settings.scale, settings.tolerance)
    if found is None or found.n < settings.min_labels:
        return f"{what} Its error is unknown below {2 * settings.min_labels} labels."
    return (
        f"{what} On the newest {text.count(found.n, 'label')} ({found.n_by_metrics:,} with base "
        f"metrics, over {text.count(found.n_days, 'day')}) its MAE would be "
        f"{text.estimate(found.mae, 'points')} and its accuracy "
        f"{text.percent_interval(found.accuracy)} (within ±{settings.tolerance:g} points), each "
        f"with its 95 % confidence interval by days."
    )


def offer_deploy(
    app: App,
    number: int,
    summary: PlanSummary,
    trained: Sequence[Version],
    replay: Replay | None,
) -> None:
    """Offer a deployment, with the result of its replay; a refused version needs an override."""
    name, version = version_name(number), _find(number, trained)
    serving = None if summary.champion is None else summary.champion.version
    before = "Nothing serves now" if serving is None else f"{version_name(serving)} serves now"
    refused = version is not None and not version.report.gate.passed

    def work(reason: str) -> str:
        done = release.deploy(
            app.db,
            app.registry,
            number,
            reason=reason,
            by=context.get_actor(),
            override=refused,
            now=app.now(),
            expected_revision=summary.revision,
        )
        return f"{name} serves since {text.moment(done.at)} (revision {done.revision})."

    actions.ask_reason(
        f"Deploy {name}",
        Markdown("{}. From the next request on, **{}** answers. {}\n\n{}").format(
            before, name, _FOLLOWS, replays.describe(replay, app.now())
        ),
        work,
        key="deploy",
        act=Act.OVERRIDE if refused else Act.DEPLOY,
        confirm=f"Deploy {name} now",
        icon=":material/rocket_launch:",
        override="The gate refused this version; deploy it anyway" if refused else None,
        primary=True,
        refusal=f"{name} serves already." if number == serving else None,
    )


def offer_rollback(
    app: App, target: int | None, summary: PlanSummary, trained: Sequence[Version]
) -> None:
    """Offer a rollback to the version that served before."""
    if target is None or summary.champion is None:
        st.button(
            "Roll back",
            key="rollback_none",
            icon=":material/undo:",
            disabled=True,
            help="No version served before.",
        )
        return
    serving, name = version_name(summary.champion.version), version_name(target)
    version = _find(target, trained)
    objected = st.session_state.get(_OBJECTED) == [summary.revision, target]
    trained_at = "" if version is None else f" (trained {text.moment(version.created_at)})"

    def work(reason: str) -> str:
        try:
            done = release.rollback(
                app.db,
                app.registry,
                target,
                reason=reason,
                by=context.get_actor(),
                override=objected,
                now=app.now(),
                expected_revision=summary.revision,
            )
        except InputsMissing:
            st.session_state[_OBJECTED] = [summary.revision, target]
            raise
        return (
            f"Rolled back from {serving} to {name}, which serves since {text.moment(done.at)} "
            f"(revision {done.revision})."
        )

    before = f"{serving} serves now."
    if summary.challenger is not None:
        before = f"{version_name(summary.challenger.version)} is on trial and this ends it."
    actions.ask_reason(
        f"Roll back to {name}",
        Markdown(
            "{} From the next request on, **{}**{}, which served before, answers again. {}"
        ).format(before, name, trained_at, _FOLLOWS),
        work,
        key="rollback",
        act=Act.ROLLBACK,
        confirm=f"Roll back to {name} now",
        icon=":material/undo:",
        override="Callers do not send what it reads; roll back all the same" if objected else None,
    )


def offer_rehearsal(app: App, target: int | None) -> None:
    """Offer a rollback without the switch, which reports the time of each step."""
    if target is None:
        return

    def work() -> str:
        done = release.rehearse_rollback(app.db, app.registry, target, timer=time.perf_counter)
        steps = "; ".join(
            f"{step.name}: {text.milliseconds(step.milliseconds)}" for step in done.steps
        )
        return (
            f"A rollback to {version_name(done.target)} works and takes "
            f"{text.milliseconds(done.milliseconds)} ({steps}). Nothing was changed."
            + (f" It needs an override: {done.objection}" if done.objection else "")
        )

    actions.button(
        "Rehearse",
        work,
        key="rehearse",
        act=None,
        icon=":material/fact_check:",
        help=f"Runs a rollback to {version_name(target)} without the switch.",
    )


def show_history(history: Sequence[Deployment]) -> None:
    """Show every deployment, newest first."""
    if not history:
        st.caption("No deployments yet.")
        return
    tables.show(
        [
            {
                "revision": row.revision,
                "when (UTC)": row.at,
                "what": _ACTIONS[row.action],
                "serves": version_name(row.plan.champion),
                "on trial": _describe_challenger(row),
                "by": row.by,
                "reason": row.reason,
                "gate": "overridden" if row.override else "",
            }
            for row in reversed(history)
        ],
        key="history",
        alt="Every deployment and rollback, newest first, with who decided and why",
        columns={
            "revision": tables.whole(),
            "when (UTC)": tables.time(),
            "reason": tables.wide(),
        },
    )


def _describe_challenger(row: Deployment) -> str:
    if row.plan.challenger is None:
        return ""
    return f"{version_name(row.plan.challenger)}, {text.percent(row.plan.traffic)}"


def _find(number: int, trained: Sequence[Version]) -> Version | None:
    return next((version for version in trained if version.number == number), None)
