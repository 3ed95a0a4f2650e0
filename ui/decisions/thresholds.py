"""Another threshold: what it would redo, show and cost, and the form that puts it in force."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from core import text
from core.bootstrap import App
from core.decisions.policies import (
    PolicyOverview,
    build_labelled,
    estimate_costs,
    set_policy,
)
from core.decisions.rehearsal import RedoLog, rehearse_redo
from core.decisions.threshold import MIN_LABELS, LabelledScores, ThresholdFigures, measure_threshold
from core.domain.actor import Act
from core.domain.decisions.policy import DecisionPolicy, PolicyKind, PolicyTerms, RedoCosts
from core.domain.training_report import Estimate
from core.settings import Scale
from core.stats.intervals import Interval
from core.store.predictions.decisions import LabelledScore
from ui import st
from ui.common import actions, charts, context
from ui.markup import Markdown

WINDOW = timedelta(days=30)
N_ROWS = 5_000
"""Labels, and decisions, that the page looks at: more would tell no more, and take a second."""

_N_POINTS = 12


def offer(
    app: App,
    overview: PolicyOverview,
    rows: Sequence[LabelledScore],
    decided: RedoLog,
    scale: Scale,
) -> None:
    """Offer a threshold with its bar and costs, what it would do, and to put it in force. What it
    would do is rehearsed on decided work where there is some, else told by labels alone."""
    current = overview.find_policy(PolicyKind.REDO)
    terms = _ask_terms(current, rows, scale)
    labelled = build_labelled(rows)
    if len(decided):
        _show_rehearsal(decided, terms, scale)
    if len(labelled) < MIN_LABELS:
        st.info(
            f"What serves has {text.count(len(labelled), 'label')}: {MIN_LABELS} are needed to say "
            "what a threshold would do.",
            icon=":material/hourglass_empty:",
        )
    else:
        if not len(decided):
            _show_figures(labelled, terms)
        _show_curve(labelled, terms, scale)
    expected = overview.find_expected(PolicyKind.REDO)

    def work(reason: str) -> str:
        made = set_policy(
            app.db,
            terms,
            scale=scale,
            expected=expected,
            by=context.get_actor(),
            reason=reason,
            now=app.now(),
        )
        return f"{made.name} is in force: work under {made.terms.threshold:g} is redone."

    before = "Nothing is redone now" if current is None else f"{current.name} is in force now"
    actions.ask_reason(
        f"Redo below {terms.threshold:g}",
        Markdown("{}. From the next request on, work that scores under **{}** is redone.").format(
            before, f"{terms.threshold:g}"
        ),
        work,
        key="redo_policy",
        act=Act.POLICY,
        confirm="Put in force",
        icon=":material/rule:",
    )


def _ask_terms(
    current: DecisionPolicy | None, rows: Sequence[LabelledScore], scale: Scale
) -> PolicyTerms:
    """Return the terms that the inputs say, at first those of the policy in force."""
    middle = (scale.low + scale.high) / 2
    terms = PolicyTerms(PolicyKind.REDO) if current is None else current.terms
    costs = terms.costs or RedoCosts(1.0, 10.0)
    threshold = terms.bar or middle if terms.threshold is None else terms.threshold
    chosen = st.slider(
        "Redo work that scores under",
        scale.low,
        scale.high,
        min(max(threshold, scale.low), scale.high),
        step=(scale.high - scale.low) / 100,
        key="redo_threshold",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bar = st.number_input(
            "Bad is a truth under",
            scale.low,
            scale.high,
            terms.bar or middle,
            key="redo_bar",
            width=200,
        )
        redo = st.number_input("Cost of a redo", 0.0, value=costs.redo, key="redo_cost", width=200)
        bad = st.number_input(
            "Cost of bad work shown",
            0.0,
            value=costs.bad,
            key="redo_bad",
            width=220,
            help="In the same unit as the cost of a redo.",
        )
    return replace(
        terms,
        bar=bar,
        costs=estimate_costs(rows, bar, RedoCosts(redo, bad, costs.bad_after_redo)),
        threshold=chosen,
        promise=None,
        calibration=None,
    )


def _show_rehearsal(decided: RedoLog, terms: PolicyTerms, scale: Scale) -> None:
    """Show what the terms would have done to the decisions, and what never redoing would cost."""
    found = rehearse_redo(decided, terms)
    never = rehearse_redo(decided, replace(terms, threshold=scale.low))
    with st.container(horizontal=True):
        _show_share("Redone", found.redo_share)
        _show_share("Bad work among what is shown", found.bad_shown)
        _show_cost("Cost a request", found.value)
        _show_cost("Never redoing", never.value)
    for what, unknown in (("What would be shown", found.unknown), ("Its cost", never.unknown)):
        if unknown:
            st.caption(f"{what} is {unknown}.")
            break
    st.caption(
        f"Rehearsed on the newest {text.count(found.n_decisions, 'decision')} of the last 30 days, "
        f"{found.n_labels:,} of them with a label, which say as much as "
        f"{found.effective_labels:,.0f} of equal weight."
    )


def _show_share(label: str, share: Interval | None) -> None:
    shown = None if share is None else _estimate(share, 100)
    st.metric(label, text.percent(None if share is None else share.value), help=_say(shown, " %"))


def _show_cost(label: str, value: Interval | None) -> None:
    """Show a cost, which a rehearsal has as a negative value."""
    cost = None if value is None else Estimate(-value.value, -value.high, -value.low)
    st.metric(
        label,
        text.NOTHING if cost is None else text.figure(cost.value),
        help=_say(cost, " in the unit of the costs"),
    )


def _estimate(share: Interval, factor: float) -> Estimate:
    return Estimate(share.value * factor, share.low * factor, share.high * factor)


def _say(found: Estimate | None, unit: str) -> str | None:
    if found is None:
        return None
    return f"95 % confidence interval by requests: {text.interval(found)}{unit}."


def _show_figures(labelled: LabelledScores, terms: PolicyTerms) -> None:
    found = _measure(labelled, terms, terms.threshold or 0.0)
    shown = Estimate(found.bad_shown.value, found.bad_shown.low, found.bad_shown.high)
    with st.container(horizontal=True):
        st.metric("Redone", text.percent(found.redo_share))
        st.metric(
            "Bad work among what is shown",
            text.percent(found.bad_shown.value),
            help=f"95 % confidence interval by rows: {text.percent_interval(shown)}.",
        )
        st.metric("Cost a request", text.figure(found.cost))
        st.metric("Never redoing", text.figure(found.cost_never))
        st.metric("Always redoing", text.figure(found.cost_always))
    st.caption(
        f"On the newest {text.count(found.n_labels, 'label')} of the version that serves; work "
        "that chance let through stands for what was redone."
    )


def _show_curve(labelled: LabelledScores, terms: PolicyTerms, scale: Scale) -> None:
    """Show the share of bad work among what is shown, by the share that is redone."""
    points = []
    for threshold in np.linspace(scale.low, scale.high, _N_POINTS + 2)[1:-1].tolist():
        found = _measure(labelled, terms, threshold)
        if found.redo_share < 1.0:
            bad = found.bad_shown
            points.append(
                charts.Point(
                    100 * found.redo_share,
                    Estimate(100 * bad.value, 100 * bad.low, 100 * bad.high),
                    f"redo under {threshold:g}",
                )
            )
    st.markdown(Markdown("**Risk and coverage**"))
    st.plotly_chart(
        charts.draw_points(points, x="redone, %", y="bad among what is shown, %"),
        key="risk_coverage",
        config=charts.CONFIG,
        alt="Share of bad work among what is shown, by the share of work that is redone",
    )


def _measure(labelled: LabelledScores, terms: PolicyTerms, threshold: float) -> ThresholdFigures:
    costs = terms.costs or RedoCosts(1.0, 10.0)
    return measure_threshold(labelled, terms.bar or 0.0, costs, threshold)
