"""The error by segment of the traffic: the worst in a sentence, then all in a table."""

from collections.abc import Sequence

from core.domain.monitoring import GroupFigures, SegmentReport
from core.domain.version import Widening, describe_widening, version_name
from core.monitoring.slices.segments import describe_segment
from ui import st
from ui.common import metric_cards, tables, wording
from ui.markup import Markdown


def pick_report(reports: Sequence[SegmentReport]) -> SegmentReport | None:
    """The report of a version that the reader chooses, the first unless said; None without any."""
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
    """The parts that carry the error first; then intervals, categories and score bands."""
    if report is None:
        st.info(
            "No part of the traffic was looked at yet: that takes 30 labels of the last 7 days, "
            "and the worker looks every 15 minutes.",
            icon=":material/help:",
        )
        return
    st.caption(
        Markdown(
            ":material/date_range: {}, whatever window is chosen above: "
            "{} from {} to "
            "{}, the newest of at most 7 days."
        ).format(
            version_name(report.version),
            wording.count(report.n_labelled, "label"),
            wording.moment(report.from_at),
            wording.moment(report.to_at),
        )
    )
    st.markdown(_summarize(report))
    with metric_cards.row():
        metric_cards.show(
            "Interval coverage",
            wording.NOTHING if report.coverage is None else wording.percent(report.coverage.value),
            "" if report.coverage is None else wording.interval(report.coverage, 1, 100),
            "Share of the labels inside the 90 % interval that was answered.",
        )
        metric_cards.show(
            "Interval width",
            wording.NOTHING if report.width is None else f"{report.width:.3g} points",
            f"mean of {wording.count(report.n_labelled, 'label')}",
            "How wide the 90 % intervals were that were answered.",
        )
    widened = None if widening is None else describe_widening(widening)
    if widened is not None:
        st.info(widened, icon=":material/swap_vert:")
    with st.expander("By category and score", key="segment_groups"):
        _show_groups([*report.bands, *report.groups], tolerance)
    st.caption(
        f"{report.n_parts} parts of the traffic looked at; the chance that any is named where "
        f"all are alike is 1 %. Measured at {wording.moment(report.at)}."
    )


def _summarize(report: SegmentReport) -> Markdown:
    if not report.segments:
        return Markdown("**No part of the traffic** errs more than the rest beyond chance.")
    return Markdown("\n").join(
        Markdown("- **{}**").format(describe_segment(segment)) for segment in report.segments
    )


def _show_groups(groups: Sequence[GroupFigures], tolerance: float) -> None:
    st.caption(metric_cards.NAIVE_HELP)
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
