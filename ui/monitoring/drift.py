"""Drift on the screen: the drifted columns, the size of the change and the expected effect on
MAE."""

from core import text
from core.domain.monitoring import DriftCheck, DriftReport, DriftVerdict, Subject
from core.monitoring.drift.compare import WHEN_CONFIRMED, describe_check, matters
from core.monitoring.drift.expected_error import describe_estimate
from core.monitoring.summary import NOT_MEASURED
from ui import st
from ui.common import charts, tables
from ui.markup import Markdown

_MOST_PICTURES = 4


def show_drift(report: DriftReport | None) -> None:
    """The verdict first, then a picture for each drifted column, then every check in a table."""
    if report is None or report.note:
        said = NOT_MEASURED
        if report is not None:
            looked = f"Checked {text.moment(report.at)}; the worker checks every hour."
            said = f"{report.note} {looked}"
        st.info(said, icon=":material/help:")
        return
    st.markdown(_summarize(report))
    pictured = [check for check in report.confirmed if check.bins][:_MOST_PICTURES]
    with st.grid(2, min_column_width=400, gap="medium"):
        for check in pictured:
            with st.container(gap="xsmall"):
                _show_picture(check)
    with st.expander(text.count(len(report.checks), "comparison"), key="drift_checks"):
        _show_table(report)
    st.markdown(describe_estimate(report))
    sampled = "" if report.n_rows == report.n_requests else f" of {report.n_requests:,}"
    st.caption(
        f"{report.n_rows:,}{sampled} requests from {text.moment(report.from_at)} to "
        f"{text.moment(report.to_at)}, against {report.basis}. Drift of a column is "
        "suspected if its change exceeds the noise and the minimum in this window, and confirmed "
        "if it did in one of the two before it too, or if the feature has vanished from the "
        "newest rows. Only labels can show concept drift."
    )


def _summarize(report: DriftReport) -> str:
    names = ", ".join(dict.fromkeys(check.column for check in report.suspected))
    if report.verdict is DriftVerdict.SUSPECTED:
        return Markdown("**Drift is suspected** in {} of {} columns: {}; {}.").format(
            len({check.column for check in report.suspected}),
            report.n_columns,
            names,
            WHEN_CONFIRMED,
        )
    if report.verdict is DriftVerdict.NONE:
        said = Markdown("**None of {} columns has drifted** beyond chance.").format(
            report.n_columns
        )
    else:
        n = len(report.drifted)
        costly = sum(matters(check, report.reference_mae) for check in report.confirmed)
        effect = "may cost accuracy" if costly else "is not expected to cost accuracy"
        said = Markdown("**{} of {} columns drifted**, which {}.").format(
            n, report.n_columns, effect
        )
    if names:
        said += Markdown(" Suspected, {}: {}.").format(WHEN_CONFIRMED, names)
    return said


def _show_picture(check: DriftCheck) -> None:
    cost = (
        ""
        if check.effect_on_mae is None
        else f"; estimated effect on the MAE {check.effect_on_mae:+.2g} points"
    )
    st.markdown(Markdown("**{}**: {}{}").format(check.column, describe_check(check), cost))
    st.plotly_chart(
        charts.draw_change(check.bins, check.before, check.now, x=check.column),
        key=f"drift_{check.column}_{check.subject}",
        config=charts.CONFIG,
        alt=f"Shares of the values of {check.column} in the holdout and now",
    )


def _show_table(report: DriftReport) -> None:
    tables.show(
        [
            {
                "column": check.column,
                "compared": "unseen categories"
                if check.subject is Subject.UNSEEN
                else check.subject,
                "change": check.effect,
                "noise": check.noise,
                "minimum": check.minimum,
                "drift": check.verdict.value,
                "importance": text.percent(check.importance),
                "effect on MAE, points": check.effect_on_mae,
            }
            for check in report.checks
        ],
        key="drift_table",
        alt="Every comparison of this window with the holdout",
        columns={
            "change": tables.figure(),
            "noise": tables.figure(),
            "minimum": tables.figure(),
            "effect on MAE, points": tables.figure(),
        },
    )
