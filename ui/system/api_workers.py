"""The API workers on the screen: their version, their scorer and the latency by stage."""

from collections.abc import Sequence

from core import text
from core.domain.installation import SILENT_AFTER, ApiWorker, combine_stages
from core.domain.model_card import ScorerCheck
from core.system import SystemStatus
from plumbline.program import name_command
from ui import st
from ui.common import metric_cards, tables
from ui.markup import Markdown, code

_WHAT = {
    "parse": "read and check the body",
    "route": "choose the version, build the answer",
    "features": "encode the row",
    "model": "score it",
    "log": "write it to disk",
}


def show(state: SystemStatus) -> None:
    """Show the workers' last reports; of silent workers, only the time of the last one."""
    if not state.api_workers:
        st.info(
            Markdown(
                "No API worker has reported in the last day: latency is unknown. Start one with {}."
            ).format(code(name_command("api"))),
            icon=":material/visibility_off:",
        )
        return
    alive = [worker for worker in state.api_workers if not worker.is_silent(state.at)]
    if not alive:
        last = state.api_workers[0]
        st.warning(
            Markdown(
                "No API worker has reported for {}; the last was {}, {}. Its old figures are not "
                "shown. Start one with {}."
            ).format(
                text.duration(SILENT_AFTER.total_seconds()),
                last.name,
                text.ago(last.at, state.at),
                code(name_command("api")),
            ),
            icon=":material/visibility_off:",
        )
        return
    _show_figures(state, alive)
    _show_stages(state, alive)


def _show_figures(state: SystemStatus, alive: Sequence[ApiWorker]) -> None:
    n_asked = sum(worker.cache_asked for worker in alive)
    n_found = sum(worker.cache_found for worker in alive)
    with metric_cards.row(across=4):
        metric_cards.show(
            "API workers",
            text.number(len(alive)),
            f"reported {text.ago(min(worker.at for worker in alive), state.at)}",
            "Processes that answer predictions; each reports once a minute.",
        )
        metric_cards.show(
            "Single-row requests",
            text.number(sum(worker.n_requests for worker in alive)),
            f"since {text.moment(min(worker.started_at for worker in alive))}",
        )
        metric_cards.show(
            "Cache hits",
            text.percent(n_found / n_asked) if n_asked else text.NOTHING,
            f"of {text.count(n_asked, 'row')} since the version was loaded",
            "Rows answered from the cache; they are logged too.",
        )
        _show_scorer(state.scorer, alive)


def _show_scorer(check: ScorerCheck | None, alive: Sequence[ApiWorker]) -> None:
    other = next((worker for worker in alive if worker.scorer != "compiled"), None)
    note = "difference from the pipeline unknown"
    if other is not None:
        why = other.scorer_reason or "no model answers"
        note = f"because {why[0].lower()}{why[1:]}"
    elif check is not None and check.largest_difference is not None:
        note = (
            f"at most {check.largest_difference:.2g} points from the pipeline on "
            f"{text.count(check.n_rows, 'row')}"
        )
    metric_cards.show(
        f"Scorer of {alive[0].version}",
        "Compiled" if other is None else other.scorer.capitalize(),
        note,
        "The pipeline compiled for single rows; used only if its scores are the same.",
    )


def _show_stages(state: SystemStatus, alive: Sequence[ApiWorker]) -> None:
    stages = combine_stages(alive)
    measured = [worker.measured_at for worker in alive if worker.measured_at is not None]
    if not stages or not measured:
        st.caption("No single-row request measured yet: one in 64 is.")
        return
    tables.show(
        [
            {
                "stage": name,
                "mean (ms)": round(stage.mean_ms, 3),
                "p95 (ms)": round(stage.p95_ms, 3),
                "requests": stage.n,
                "meaning": _WHAT.get(name, ""),
            }
            for name, stage in stages.items()
        ],
        key="stages",
        alt="Latency of single-row requests by stage",
        columns={
            "mean (ms)": tables.figure(),
            "p95 (ms)": tables.figure(),
            "requests": tables.whole(),
            "meaning": tables.wide(),
        },
    )
    st.caption(
        f"One request in 64 is measured; the last "
        f"{text.ago(max(measured), state.at)}. With several workers: the slowest p95."
    )
