"""A comparison of versions: sentences, charts, then the figures behind them."""

from collections.abc import Sequence
from itertools import pairwise

from core import text
from core.bootstrap import App
from core.domain.version import Version
from core.store.data import snapshots
from core.training.compare.version_diff import describe_changes, explain_choice, share_holdout
from ui import st
from ui.common import charts, filters
from ui.experiments import compare_figures, compare_rows
from ui.markup import Markdown, bullets
from ui.training import reports


def pick(trained: Sequence[Version]) -> list[Version]:
    """Return the versions to compare: the newest two, unless the person or the address says
    others."""
    by_number = {version.number: version for version in trained}
    asked = [number for number in filters.get_ids("compare") if number in by_number]
    numbers = st.multiselect(
        "Versions",
        list(by_number),
        default=asked or list(by_number)[:2],
        format_func=lambda number: reports.label(by_number[number]),
        key="compare",
        placeholder="Choose two or more",
    )
    filters.set_ids("compare", numbers)
    return [by_number[number] for number in numbers]


def show(app: App, versions: Sequence[Version], serving: int | None) -> None:
    """Show the choice between versions, their metrics, changes and further figures."""
    if len(versions) < 2:
        st.caption("Choose two or more versions to compare.")
        return
    best, *others = explain_choice(versions, serving)
    with st.container(border=True):
        st.markdown(Markdown("**{}**\n\n{}").format(best, bullets(others)))
    if not share_holdout(versions):
        st.warning(
            "These versions have different holdouts, so a difference may come from the rows: score "
            "them on the same rows below.",
            icon=":material/compare_arrows:",
        )
    _show_metrics(versions)
    compare_rows.offer(app, versions, serving)
    _show_changes(app, versions)
    compare_figures.show(versions)


def _show_metrics(versions: Sequence[Version]) -> None:
    accurate = text.tolerance(versions[0].report.tolerance)
    blocks = reports.by_blocks(versions)
    with st.grid(2, min_column_width=400, gap="medium"):
        with st.container(gap="xsmall"):
            st.markdown(Markdown("**MAE on the holdout, less is better**"))
            st.plotly_chart(
                charts.draw_marks(
                    [charts.build_mark(v.name, v.report.metrics.mae) for v in versions],
                    unit="MAE, points",
                ),
                key="compare_mae",
                config=charts.CONFIG,
                alt=f"MAE of each version with its 95 % confidence interval{blocks}",
            )
        with st.container(gap="xsmall"):
            st.markdown(Markdown("**Accuracy on the holdout, more is better**"))
            st.plotly_chart(
                charts.draw_marks(
                    [charts.build_mark(v.name, v.report.metrics.accuracy, 100) for v in versions],
                    unit=f"accuracy {accurate}, %",
                ),
                key="compare_accuracy",
                config=charts.CONFIG,
                alt=f"Accuracy of each version with its 95 % confidence interval{blocks}",
            )
    picking = [(v, v.report.picks.gap_recovered) for v in versions if v.report.picks is not None]
    if picking:
        st.markdown(Markdown("**Picking the best of each holdout group, more is better**"))
        st.plotly_chart(
            charts.draw_marks(
                [charts.build_mark(v.name, gap, 100) for v, gap in picking if gap is not None],
                unit="recovered of the gap between a random pick and the best, %",
            ),
            key="compare_picks",
            config=charts.CONFIG,
            alt="Share of the gap that each version recovers, with its 95 % confidence interval",
        )


def _show_changes(app: App, versions: Sequence[Version]) -> None:
    """Show the changes from each chosen version to the next newer one."""
    ordered = sorted(versions, key=lambda version: version.number)
    with app.db.read() as conn:
        rows = {v.snapshot_id: snapshots.get_snapshot(conn, v.snapshot_id) for v in ordered}
    for before, after in pairwise(ordered):
        st.markdown(Markdown("**Changes from {} to {}**").format(before.name, after.name))
        found = describe_changes(before, after, rows[before.snapshot_id], rows[after.snapshot_id])
        if found:
            by_area: dict[str, list[str]] = {}
            for change in found:
                by_area.setdefault(change.area, []).append(change.text)
            st.markdown(
                Markdown("\n").join(
                    Markdown("- **{}**: {}").format(area, " ".join(texts))
                    for area, texts in by_area.items()
                )
            )
        else:
            st.caption("Nothing: the same rows, features, parameters, code and libraries.")
