"""The error by segment of the traffic: the worst in a sentence, then all in a table."""

from collections.abc import Sequence

from core import text
from core.domain.monitoring import GroupFigures, SegmentReport
from core.domain.version import Widening, describe_widening, version_name
from core.monitoring.slices.segments import describe_segment
from ui import st
from ui.common import metric_cards, tables
from ui.markup import Markdown


def pick_report(reports: Sequence[SegmentReport]) -> SegmentReport | None:
    """Return the report of the chosen version, by default the first; None without reports."""
    if len(reports) < 2:
        return reports[0] if reports else None
    by_name = {version_name(report.version): report for report in reports}
    chosen = st.segmented_control(
        "Version", list(by_name), default=next(iter(by_name)), required=True, key="segment_version"
    )
    return by_name.get(chosen or "", reports[0])


def show_segments(
    report: SegmentReport | None, widening: Widening | None, tolerance: float
) -> None:
    """Show the worst segments, then interval coverage, categories and score bands."""
    if report is None:
        st.info(
            "No segment was measured yet: that takes 30 labels of the last 7 days; the worker "
            "checks every 15 minutes.",
            icon=":material/help:",
        )
        return
    st.caption(
        Markdown(
            ":material/date_range: {}, independent of the window above: {} from {} to {}, at "
            "most 7 days."
        ).format(
            version_name(report.version),
            text.count(report.n_labelled, "label"),
            text.moment(report.from_at),
            text.moment(report.to_at),
        )
    )
    st.markdown(_summarize(report))
    with metric_cards.row():
        metric_cards.show(
            "Interval coverage",
            text.NOTHING if report.coverage is None else text.percent(report.coverage.value),
            "" if report.coverage is None else text.interval(report.coverage, 1, 100),
            f"Share of labels inside the 90 % prediction interval. {metric_cards.INTERVAL_HELP}",
        )
        metric_cards.show(
            "Interval width",
            text.NOTHING if report.width is None else f"{report.width:.3g} points",
            f"mean of {text.count(report.n_labelled, 'label')}",
            "Mean width of the 90 % prediction intervals.",
        )
    widened = None if widening is None else describe_widening(widening)
    if widened is not None:
        st.info(widened, icon=":material/swap_vert:")
    with st.expander("By category and score", key="segment_groups"):
        _show_groups([*report.bands, *report.groups], tolerance)
    st.caption(
        f"{report.n_parts} segments tested; the chance of any false finding is 1 %. Measured at "
        f"{text.moment(report.at)}."
    )


def _summarize(report: SegmentReport) -> Markdown:
    if not report.segments:
        return Markdown("**No segment** errs significantly more than the rest.")
    return Markdown("\n").join(
        Markdown("- **{}**").format(describe_segment(segment)) for segment in report.segments
    )


def _show_groups(groups: Sequence[GroupFigures], tolerance: float) -> None:
    st.caption(f"{metric_cards.INTERVAL_HELP} {metric_cards.NAIVE_HELP}")
    tables.show(
        [
            {
                "column": group.column,
                "value": group.value,
                "labels": group.n,
                **metric_cards.build_cells(group, tolerance),
            }
            for group in groups
        ],
        key="segment_table",
        alt="Accuracy, errors and skill by category and by score",
        columns={"labels": tables.whole()},
    )
