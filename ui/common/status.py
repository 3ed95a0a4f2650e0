"""The health of the predictor in words, an icon and a colour, never the colour alone."""

from core import text
from core.domain.monitoring import Health, HealthReport, Reason
from core.monitoring.summary import MonitorSummary
from ui import st
from ui.markup import Markdown, badge

_LOOKS = {
    Health.HEALTHY: ("Healthy", ":material/check_circle:", "green"),
    Health.WARNING: ("Warning", ":material/warning:", "orange"),
    Health.CRITICAL: ("Critical", ":material/error:", "red"),
    Health.UNKNOWN: ("Unknown", ":material/help:", "gray"),
    Health.STALE: ("Stale", ":material/history_toggle_off:", "violet"),
}
_OF_THE_SERVICE = frozenset({"disk", "error_rate", "fallback", "latency"})
"""Checks of the service, not of the scores."""

_MEANINGS = {
    Health.HEALTHY: "every check passed",
    Health.WARNING: "something needs a look",
    Health.CRITICAL: "do not rely on the scores",
    Health.UNKNOWN: "too little data to judge by",
    Health.STALE: "no data lately",
}


def name(health: Health) -> str:
    """Return the word for a status.

    >>> name(Health.STALE)
    'Stale'
    """
    return _LOOKS[health][0]


def inline(health: Health) -> Markdown:
    """Return a status as Markdown: icon and word.

    >>> print(inline(Health.WARNING))
    :orange-badge[:material/warning: Warning]
    """
    word, icon, color = _LOOKS[health]
    return badge(word, icon, color)


def show_report(summary: MonitorSummary) -> None:
    """Show the status, then each failed check with its next step; passed checks are folded."""
    report = summary.report
    well = [reason for reason in report.reasons if reason.health is Health.HEALTHY]
    with st.container(border=True):
        demo = Markdown(" :violet-badge[:material/science: Trained on synthetic rows]")
        word, icon, color = _LOOKS[report.health]
        st.markdown(
            Markdown("### {}: {}{}").format(
                badge(word, icon, color, ground=False),
                _find_meaning(report),
                demo if summary.synthetic else "",
            )
        )
        for reason in report.reasons:
            if reason.health is not Health.HEALTHY:
                _show_reason(reason)
        if well:
            with st.expander(f"{text.count(len(well), 'check')} passed", key="checks_passed"):
                for reason in well:
                    _show_reason(reason)
        st.caption(_describe_age(summary))


def _find_meaning(report: HealthReport) -> str:
    critical = {reason.code for reason in report.reasons if reason.health is Health.CRITICAL}
    if report.health is Health.CRITICAL and critical <= _OF_THE_SERVICE:
        return "the service needs attention now; no check finds fault with its scores"
    return _MEANINGS[report.health]


def _show_reason(reason: Reason) -> None:
    step = Markdown("  \n:gray[Next: {}]").format(reason.next_step) if reason.next_step else ""
    st.markdown(Markdown("{} {}{}").format(inline(reason.health), reason.message, step))


def _describe_age(summary: MonitorSummary) -> str:
    if summary.measured_at is None:
        return "Not measured yet; the worker measures every minute."
    waiting = f"; {text.count(summary.n_unmeasured, 'prediction')} not counted yet"
    return (
        f"Measured {text.ago(summary.measured_at, summary.report.at)}, at "
        f"{text.moment(summary.measured_at)}{waiting if summary.n_unmeasured else ''}."
    )
