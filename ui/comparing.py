"""Versions side by side: their metrics with intervals, and the parameters that differ."""

from collections.abc import Sequence

import streamlit as st

from core.bootstrap import App
from core.domain.version import Version, version_name
from core.errors import OpsError
from ui import charts, filters, reports, tables, words


def pick(trained: Sequence[Version]) -> list[Version]:
    """The versions to compare: the newest two unless the person or the address says others."""
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


def show(versions: Sequence[Version]) -> None:
    """Figures side by side, then what was chosen differently."""
    if len(versions) < 2:
        st.caption("Choose two or more versions to see where they differ.")
        return
    if len({version.snapshot_id for version in versions}) > 1:
        st.warning(
            "These versions were evaluated on different rows (their snapshots differ), so a "
            "difference may come from the rows. Train both on the same rows to be sure.",
            icon=":material/compare_arrows:",
        )
    with st.grid(2, min_column_width=400, gap="medium"):
        with st.container(gap="xsmall"):
            st.markdown("**MAE on held-out rows, less is better**")
            st.plotly_chart(
                charts.draw_marks(
                    [charts.build_mark(v.name, v.report.metrics.mae) for v in versions],
                    unit="MAE, points",
                ),
                key="compare_mae",
                config=charts.CONFIG,
                alt="Mean absolute error of each version with its 95 % interval",
            )
        with st.container(gap="xsmall"):
            st.markdown("**Accuracy on held-out rows, more is better**")
            st.plotly_chart(
                charts.draw_marks(
                    [charts.build_mark(v.name, v.report.metrics.accuracy, 100) for v in versions],
                    unit=f"accuracy {words.tolerance(versions[0].report.tolerance)}, %",
                ),
                key="compare_accuracy",
                config=charts.CONFIG,
                alt="Accuracy of each version with its 95 % interval",
            )
    st.markdown("**Parameters that differ**")
    differing = reports.differing(versions)
    if differing:
        tables.show(differing, key="differing", alt="Parameters that differ between the versions")
    else:
        st.caption("None: these versions were trained in the same way on the same rows.")


def show_runs(app: App) -> None:
    """What tracking holds. Loaded beside the page, because MLflow takes seconds to import."""
    _load_runs(app)


@st.fragment(parallel=True)
def _load_runs(app: App) -> None:
    with st.skeleton(height=120):
        try:
            runs = app.registry.list_runs(limit=50)
        except OpsError as error:
            st.warning(str(error), icon=":material/cloud_off:")
            return
        if not runs:
            st.caption(
                "No run was logged yet; every training logs one, with its parameters, "
                "metrics and artifact."
            )
            return
        tables.show(
            [
                {
                    "run": words.short_hash(run.run_id),
                    "version": words.NOTHING if run.version is None else version_name(run.version),
                    "recipe": run.recipe,
                    "gate": {True: "passed", False: "refused", None: words.NOTHING}[run.passed],
                    "MAE, points": run.metrics.get("mae"),
                    "skill, %": None if (s := run.metrics.get("skill")) is None else s * 100,
                    "status": run.status.lower(),
                    "started (UTC)": run.started_at,
                    "took": words.NOTHING if run.seconds is None else words.duration(run.seconds),
                }
                for run in runs
            ],
            key="runs",
            alt="MLflow runs, newest first",
            columns={
                "started (UTC)": tables.time(),
                "MAE, points": tables.figure(),
                "skill, %": tables.figure(),
            },
        )
