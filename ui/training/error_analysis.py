"""A version's calibration, learning curve, error by segment and largest errors."""

from collections.abc import Mapping

from core import text
from core.bootstrap import App
from core.domain.sample import Sample
from core.domain.training_report import TrainingReport
from core.domain.version import Version
from core.store.data import samples
from core.training.evaluate.verdict import describe_calibration, describe_curve
from ui import st
from ui.common import charts, tables
from ui.markup import Markdown


def show(app: App, version: Version) -> None:
    """Show the error analysis of a version; nothing if its report is too old to have one."""
    report = version.report
    if not report.score_bands:
        return
    with st.grid(2, min_column_width=400, gap="medium"):
        _show_calibration(version)
        _show_curve(version)
    if report.segments:
        st.markdown(Markdown("**Error by segment**"))
        tables.show(
            _segment_rows(report),
            key=f"segments_{version.number}",
            alt="MAE and bias of each category level on the holdout, most rows first",
            columns={"holdout rows": tables.whole(), "bias, points": tables.figure()},
        )
    with app.db.read() as conn:
        found = samples.load_by_keys(conn, [(row.at, row.key) for row in report.worst])
    with st.expander("Rows with the largest errors", key=f"worst_{version.number}"):
        tables.show(
            _worst_rows(report, found),
            key=f"worst_table_{version.number}",
            alt="Holdout rows with the largest errors and their raw values",
            columns={
                "at (UTC)": tables.time(),
                "score": tables.figure(),
                "truth": tables.figure(),
                "raw values": tables.wide(),
            },
        )


def _show_calibration(version: Version) -> None:
    bands = version.report.score_bands
    with st.container(gap="xsmall"):
        st.markdown(Markdown("**Calibration**"))
        st.plotly_chart(
            charts.draw_points(
                [
                    charts.Point(band.score, band.actual, text.count(band.n_rows, "holdout row"))
                    for band in bands
                ],
                x="mean score of the band, points",
                y="mean truth, points",
                as_expected="perfectly calibrated",
            ),
            key=f"calibration_{version.number}",
            config=charts.CONFIG,
            alt="Mean truth by mean score in bands of scores, with 95 % confidence intervals"
            f"{text.by_blocks(version.report.basis)}",
        )
        st.caption(describe_calibration(bands))


def _show_curve(version: Version) -> None:
    report = version.report
    with st.container(gap="xsmall"):
        st.markdown(Markdown("**Would more rows help?**"))
        st.plotly_chart(
            charts.draw_points(
                [
                    charts.Point(float(point.n_rows), point.mae, text.count(point.n_rows, "row"))
                    for point in report.learning_curve
                ],
                x="training rows",
                y="MAE on the same holdout, points",
            ),
            key=f"curve_{version.number}",
            config=charts.CONFIG,
            alt="MAE on the holdout by the number of training rows, with 95 % confidence intervals"
            f"{text.by_blocks(report.basis)}",
        )
        st.caption(describe_curve(report.learning_curve, report.doubling, report.basis))


def _segment_rows(report: TrainingReport) -> list[dict[str, object]]:
    return [
        {
            "column": segment.column,
            "level": segment.level,
            "holdout rows": segment.n_rows,
            "MAE, points": text.estimate(segment.mae),
            "bias, points": segment.bias,
        }
        for segment in report.segments
    ]


def _worst_rows(report: TrainingReport, found: Mapping[str, Sample]) -> list[dict[str, object]]:
    return [
        {
            "at (UTC)": row.at,
            "score": row.score,
            "truth": row.actual,
            "raw values": _describe(found.get(row.key)),
        }
        for row in report.worst
    ]


def _describe(sample: Sample | None) -> str:
    if sample is None:
        return "no longer in the store"
    return ", ".join(
        f"{name}: {text.NOTHING if value is None else value}"
        for name, value in sample.features.items()
    )
