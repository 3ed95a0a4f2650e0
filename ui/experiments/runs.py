"""MLflow's runs, a sorted page at a time, and the link to its own pages."""

from collections.abc import Sequence

from core import text
from core.bootstrap import App
from core.domain.version import Version, version_name
from core.errors import OpsError
from core.registry import RUN_SORTS, RunPage, RunSummary
from core.up import LOCAL_MLFLOW, build_mlflow_url
from ui import st
from ui.common import context, tables
from ui.markup import Markdown

PAGE = 50

SORTS = {
    "started_at": "start",
    "version": "version",
    "recipe": "recipe",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "accuracy": "accuracy",
    "skill": "skill",
    "seconds": "duration",
}
"""The columns that sort the runs, in words."""

_PLACE = "runs_place"
_SMALLEST_FIRST = {
    "recipe": "A to Z",
    "mae": "smallest first",
    "rmse": "smallest first",
    "seconds": "shortest first",
}
_LARGEST_FIRST = {"started_at": "newest first", "version": "newest first"}


def describe_order(sort: str) -> str:
    """Return the order of the runs in words, for one of `core.registry.RUN_SORTS`.

    >>> describe_order("mae"), describe_order("version"), describe_order("skill")
    ('by MAE, smallest first', 'by version, newest first', 'by skill, largest first')
    """
    first = _SMALLEST_FIRST.get(sort) or _LARGEST_FIRST.get(sort, "largest first")
    return f"by {SORTS[sort]}, {first}"


def show_waiting(trained: Sequence[Version]) -> None:
    """Show the versions without an MLflow run, if any."""
    waiting = [version.name for version in trained if version.run_id is None]
    if not waiting:
        return
    named = ", ".join(waiting[:5]) + (f" and {len(waiting) - 5} more" if waiting[5:] else "")
    st.info(
        f"MLflow has no run of {named} yet, since it did not answer. The runs are logged within a "
        "minute of its next answer.",
        icon=":material/sync:",
    )


@st.fragment(parallel=True)
def show(app: App) -> None:
    """Show a page of runs. It loads in parallel, because MLflow takes seconds to import, and alone
    for another order or page."""
    url = build_mlflow_url(app)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sort = st.selectbox(
            "Sort by",
            [name for name in RUN_SORTS if name in SORTS],
            format_func=lambda name: SORTS[name],
            key="runs_sort",
            on_change=_go_to_start,
            width=180,
        )
        st.link_button("Open MLflow", url, icon=":material/open_in_new:")
    if url == LOCAL_MLFLOW:
        st.caption(Markdown("`make mlflow` starts MLflow's own pages on this machine."))
    tokens: list[str] = st.session_state.setdefault(_PLACE, [])
    with st.skeleton(height=120):
        try:
            page = app.registry.load_run_page(
                PAGE,
                sort=sort,
                descending=sort not in _SMALLEST_FIRST,
                token=tokens[-1] if tokens else None,
            )
        except OpsError as error:
            context.show_problem(error)
            return
        if not page.runs:
            st.caption(
                "No runs yet: every training logs one, with its parameters, metrics and artifact."
            )
            return
        tables.show(
            [_row(run, f"{url}/#/experiments/{page.experiment_id}/runs/") for run in page.runs],
            key="runs",
            alt=f"MLflow runs, a page of at most {PAGE}, {describe_order(sort)}",
            columns={
                "started (UTC)": tables.time(),
                "MAE, points": tables.figure(),
                "RMSE, points": tables.figure(),
                "R²": tables.figure(),
                "skill, %": tables.figure(),
                "accuracy, %": tables.figure(),
                "in MLflow": st.column_config.LinkColumn(display_text="open"),
            },
        )
        _show_pager(tokens, page, describe_order(sort))


def _show_pager(tokens: Sequence[str], page: RunPage, order: str) -> None:
    first = len(tokens) * PAGE + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Back",
            key="runs_back",
            disabled=not tokens,
            on_click=_go_back,
            icon=":material/chevron_left:",
        )
        st.button(
            "Next",
            key="runs_further",
            disabled=page.next_token is None,
            on_click=_go_further,
            args=(page.next_token,),
            icon=":material/chevron_right:",
        )
        st.caption(f"Runs {first:,} to {first + len(page.runs) - 1:,}, {order}")


def _row(run: RunSummary, address: str) -> dict[str, object]:
    return {
        "run": text.short_hash(run.run_id),
        "version": text.NOTHING if run.version is None else version_name(run.version),
        "recipe": run.recipe,
        "gate": {True: "passed", False: "refused", None: text.NOTHING}[run.passed],
        "MAE, points": run.metrics.get("mae"),
        "RMSE, points": run.metrics.get("rmse"),
        "R²": run.metrics.get("r2"),
        "accuracy, %": _percent(run.metrics.get("accuracy")),
        "skill, %": _percent(run.metrics.get("skill")),
        "status": run.status.lower(),
        "started (UTC)": run.started_at,
        "took": text.NOTHING if run.seconds is None else text.duration(run.seconds),
        "in MLflow": address + run.run_id,
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def _go_to_start() -> None:
    st.session_state[_PLACE] = []


def _go_further(token: str) -> None:
    st.session_state[_PLACE] = [*st.session_state[_PLACE], token]


def _go_back() -> None:
    st.session_state[_PLACE] = st.session_state[_PLACE][:-1]
