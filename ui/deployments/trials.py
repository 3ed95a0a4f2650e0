"""The trial: its verdict and next step, and the forms that start and end it."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from core import text
from core.bootstrap import App, load_current_settings
from core.deployment import trials
from core.deployment.plan import PlanSummary
from core.deployment.ramp import RAMP, StepKind
from core.deployment.trial import Standing, build_settings
from core.deployment.verdict import TrialReport
from core.domain.actor import Act
from core.domain.trial import Trial, TrialVerdict
from core.domain.version import HEURISTIC, Version, version_name
from ui import st
from ui.common import actions, charts, context, metric_cards
from ui.markup import Markdown, badge

_LOOKS = {
    TrialVerdict.BETTER: ("Better", ":material/trending_up:", "green"),
    TrialVerdict.WORSE: ("Worse", ":material/trending_down:", "red"),
    TrialVerdict.EQUIVALENT: ("Equivalent", ":material/drag_handle:", "blue"),
    TrialVerdict.NOT_YET: ("Not yet", ":material/hourglass:", "gray"),
    TrialVerdict.INVALID: ("Invalid", ":material/error:", "orange"),
}
_WITHIN = {
    TrialVerdict.BETTER: "challenger",
    TrialVerdict.WORSE: "serving version",
    TrialVerdict.NOT_YET: "not yet known",
}
_NEXT = {
    StepKind.HOLD: "No automatic change now",
    StepKind.WIDEN: "The worker widens it next",
    StepKind.PROMOTE: "The worker promotes it next",
    StepKind.STOP: "The worker stops it next",
}


def show(standing: Standing, now: datetime) -> None:
    """Show the verdict, the next step, the figures, and the interval over time."""
    trial, report, following = standing.trial, standing.report, standing.following
    champion, challenger = version_name(trial.champion), version_name(trial.challenger)
    with st.container(border=True):
        st.markdown(Markdown("### {} is on trial against {}").format(challenger, champion))
        st.markdown(_badge(report.verdict) + " " + " ".join(report.reasons))
        st.markdown(
            Markdown(
                "**Next:** {}. {} To end it: promote "
                "{}, or stop the trial and {} answers everything again."
            ).format(_NEXT[following.kind], " ".join(following.reasons), challenger, champion)
        )
        st.caption(
            f"'{trial.name}' since {text.moment_ago(trial.started_at, now)}, by {trial.by}. "
            f"Reason: {trial.reason.rstrip('.')}. {_describe_settings(trial)}"
        )
    _show_figures(standing)
    _show_chart(report, trial)
    _show_parts(report)


def _show_parts(report: TrialReport) -> None:
    """Show the verdicts by category, for those with enough comparisons."""
    if not report.parts:
        return
    with st.expander(f"By category ({len(report.parts)})", key="trial_parts"):
        for part in report.parts:
            st.markdown(
                Markdown("{} **{}**: {} points ({}), {}").format(
                    _badge(part.verdict),
                    part.where,
                    text.number(part.advantage.value, 2),
                    text.interval(part.advantage, 2),
                    text.count(part.n, "comparison"),
                )
            )
        st.caption(
            "Intervals are corrected for 20 categories. They use the newest pairs, while the "
            "verdict above is final."
        )


def offer_start(app: App, number: int, summary: PlanSummary, trained: Sequence[Version]) -> None:
    """Offer a trial with a share of the answers and a name."""
    serving = None if summary.champion is None else summary.champion.version
    if serving in (None, HEURISTIC) or number in (serving, HEURISTIC) or summary.challenger:
        return
    name = version_name(number)
    version = next((one for one in trained if one.number == number), None)
    refused = version is not None and not version.report.gate.passed
    with st.expander(f"Try {name} against {version_name(serving)} first", key="try"):
        st.markdown(
            "Both score every request and one answers, so that their errors are compared on the "
            "same requests. The verdict stays valid however often you look."
        )
        with st.container(horizontal=True):
            share = st.segmented_control(
                f"Answers from {name}",
                RAMP,
                default=RAMP[0],
                required=True,
                format_func=text.chosen_percent,
                key="trial_share",
            )
            title = st.text_input("Name", value=f"try-{name}", key=f"trial_name_{number}")
        ramp = st.toggle("Widen automatically", value=True, key="trial_ramp")
        wins = st.toggle("Promote automatically if better", value=True, key="trial_promote")
        ends = st.toggle("Stop automatically if worse or harmful", value=True, key="trial_stop_it")

        def work(reason: str) -> str:
            done = trials.start_trial(
                app.db,
                app.registry,
                trials.TrialStart(
                    number,
                    name=title,
                    traffic=share,
                    settings=build_settings(
                        load_current_settings(app),
                        auto_ramp=ramp,
                        auto_promote=wins,
                        auto_stop=ends,
                    ),
                    salt=secrets.token_hex(8),
                ),
                reason=reason,
                by=context.get_actor(),
                override=refused,
                now=app.now(),
                expected_revision=summary.revision,
            )
            return f"{name} is on trial since {text.moment(done.at)} (revision {done.revision})."

        actions.ask_reason(
            f"Put {name} on trial",
            Markdown(
                "{} keeps serving. From the next request on, **{}** scores all requests "
                "and answers {}."
            ).format(version_name(serving), name, text.chosen_percent(share)),
            work,
            key="trial",
            act=Act.OVERRIDE if refused else Act.TRIAL,
            confirm=f"Put {name} on trial now",
            icon=":material/balance:",
            override="The gate refused this version; try it anyway" if refused else None,
        )


def offer_end(app: App, standing: Standing, revision: int) -> None:
    """Offer to widen, promote or stop the trial."""
    trial, name = standing.trial, version_name(standing.trial.challenger)
    champion = version_name(trial.champion)
    wider = next((share for share in RAMP if share > trial.steps[-1].traffic), None)
    better = standing.report.verdict is TrialVerdict.BETTER

    def promote(reason: str) -> str:
        done = trials.promote(
            app.db,
            app.registry,
            trial.name,
            reason=reason,
            by=context.get_actor(),
            override=not better,
            now=app.now(),
            expected_revision=revision,
        )
        return f"{name} serves since {text.moment(done.at)} (revision {done.revision})."

    def stop(reason: str) -> str:
        done = trials.stop_trial(
            app.db,
            trial.name,
            reason=reason,
            by=context.get_actor(),
            now=app.now(),
            expected_revision=revision,
        )
        return f"The trial was stopped (revision {done.revision}); {champion} answers everything."

    with st.container(horizontal=True):
        actions.ask_reason(
            f"Promote {name}",
            Markdown("{} serves now. From the next request on, **{}** answers all.").format(
                champion, name
            ),
            promote,
            key="promote",
            act=Act.TRIAL if better else Act.OVERRIDE,
            confirm=f"Promote {name} now",
            icon=":material/upgrade:",
            override=None if better else "Not shown to be better; promote it anyway",
            primary=better,
        )
        if wider is not None:
            _offer_wider(app, standing, wider, revision)
        actions.ask_reason(
            "Stop the trial",
            Markdown("From the next request on, **{}** answers everything again.").format(champion),
            stop,
            key="stop_trial",
            act=Act.TRIAL,
            confirm="Stop the trial now",
            icon=":material/stop_circle:",
        )


def _offer_wider(app: App, standing: Standing, wider: float, revision: int) -> None:
    trial, name = standing.trial, version_name(standing.trial.challenger)

    share = text.chosen_percent(wider)

    def widen(reason: str) -> str:
        done = trials.widen_trial(
            app.db,
            trial.name,
            traffic=wider,
            reason=reason,
            by=context.get_actor(),
            now=app.now(),
            expected_revision=revision,
        )
        return f"{name} answers {share} now (revision {done.revision})."

    actions.ask_reason(
        f"Widen to {share}",
        Markdown("From the next request on, **{}** answers {}; its units stay with it.").format(
            name, share
        ),
        widen,
        key="widen",
        act=Act.TRIAL,
        confirm=f"Widen to {share} now",
        icon=":material/open_in_full:",
    )


def _badge(verdict: TrialVerdict) -> Markdown:
    name, icon, color = _LOOKS[verdict]
    return badge(name, icon, color)


def _describe_settings(trial: Trial) -> str:
    rules = trial.settings
    by_itself = [
        what
        for what, is_on in (
            ("widens", rules.auto_ramp),
            ("promotes", rules.auto_promote),
            ("stops", rules.auto_stop),
        )
        if is_on
    ]
    return (
        f"Fixed at the start: equivalent within {rules.margin:g} points, at most "
        f"{text.chosen_percent(rules.alpha)} false verdicts; automatically "
        f"{', '.join(by_itself) or 'does nothing'}."
    )


def _show_figures(standing: Standing) -> None:
    report, conduct, trial = standing.report, standing.conduct, standing.trial
    name, found = version_name(trial.challenger), report.estimate
    with metric_cards.row():
        metric_cards.show(
            f"Advantage of {name}",
            text.NOTHING if found is None else f"{text.number(found.value, 2)} points",
            "too few pairs" if found is None else text.interval(found, 2),
            f"MAE of {version_name(trial.champion)} minus that of {name} on the same requests; "
            "above 0 is better. The interval is valid at every look.",
        )
        waiting = f", {report.n_waiting:,} wait for their day to end" if report.n_waiting else ""
        metric_cards.show(
            "Labelled pairs",
            f"{report.n_pairs:,}",
            f"{text.count(report.n_differences, 'comparison')}{waiting}",
            "Labelled requests that both scored; those of one unit and day count as one "
            "comparison.",
        )
        metric_cards.show(
            f"More often within ±{trial.settings.tolerance:g}",
            _WITHIN[report.within],
            f"e-value {report.within_evidence:,.3g}, decided at {1 / trial.settings.alpha:,.0f}",
            "Secondary to the error: needs two to four times the rows.",
        )
        metric_cards.show(
            "Still needed",
            _needed(report),
            "decided" if report.decided else _days(report),
            "If the difference and the labels a day stay the same.",
        )
        lost = conduct.n_shadow_failed + conduct.n_shadow_late + conduct.n_shadow_dropped
        metric_cards.show(
            f"Answers of {name}",
            text.chosen_percent(trial.steps[-1].traffic),
            f"{text.count(conduct.n_requests, 'request')} in this step; {lost:,} of "
            f"{conduct.n_shadow:,} shadow scores failed, late or dropped",
        )


def _needed(report: TrialReport) -> str:
    if report.decided:
        return "0 pairs"
    needed = report.n_pairs_needed
    if not needed and report.n_waiting:
        return "end of the day"
    return text.NOTHING if needed is None else f"about {needed:,} pairs"


def _days(report: TrialReport) -> str:
    return (
        "" if report.days_needed is None else f"about {text.duration(report.days_needed * 86_400)}"
    )


def _show_chart(report: TrialReport, trial: Trial) -> None:
    points = report.series
    line = charts.ChartLine(
        f"advantage of {version_name(trial.challenger)}",
        [point.at for point in points],
        [point.value for point in points],
        [point.low for point in points],
        [point.high for point in points],
    )
    margin = trial.settings.margin
    st.plotly_chart(
        charts.draw_lines(
            [line],
            unit="points",
            limits=[
                charts.Limit(margin, f"within ±{margin:g}: equivalent"),
                charts.Limit(0.0, ""),
                charts.Limit(-margin, ""),
            ],
            empty=f"The interval begins after {trial.settings.burn_in} comparisons",
        ),
        config=charts.CONFIG,
        key="trial_chart",
        alt="The difference in mean absolute error with its interval over time",
    )
