"""The API's workers on the screen: who serves, how its scores are made, and where the time goes."""

from collections.abc import Sequence

from core.domain.installation import SILENT_AFTER, ApiWorker, combine_stages
from core.domain.model_card import ScorerCheck
from core.system import SystemStatus
from ui import st
from ui.common import metric_cards, tables, wording
from ui.markup import Markdown

_WHAT = {
    "parse": "reading and checking the body",
    "route": "choosing the version, building the answer",
    "features": "the row to the model's numbers",
    "model": "the numbers to a score",
    "log": "until it is on disk",
}


def show(state: SystemStatus) -> None:
    """Show the workers' last reports; of silent workers, only the time of the last one."""
    if not state.api_workers:
        st.info(
            Markdown(
                "No API worker has said anything in the last day, so that nothing is known of its "
                "latency. Start one with `make run` or `python -m core api`."
            ),
            icon=":material/visibility_off:",
        )
        return
    alive = [worker for worker in state.api_workers if not worker.is_silent(state.at)]
    if not alive:
        last = state.api_workers[0]
        st.warning(
            Markdown(
                "No API worker has said anything for {}; "
                "the last was {}, {}. Its figures are old and "
                "not shown. Start one with `make run` or `python -m core api`."
            ).format(
                wording.duration(SILENT_AFTER.total_seconds()),
                last.name,
                wording.ago(last.at, state.at),
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
            wording.number(len(alive)),
            f"said so {wording.ago(min(worker.at for worker in alive), state.at)}",
            "Processes that answer predictions; each says once a minute how it is.",
        )
        metric_cards.show(
            "Single-row requests",
            wording.number(sum(worker.n_requests for worker in alive)),
            f"since {wording.moment(min(worker.started_at for worker in alive))}",
        )
        metric_cards.show(
            "Scores found in the cache",
            wording.percent(n_found / n_asked) if n_asked else wording.NOTHING,
            f"of {wording.count(n_asked, 'row')} since the version was loaded",
            "A row that was asked before is not scored again; it is logged all the same.",
        )
        _show_scorer(state.scorer, alive)


def _show_scorer(check: ScorerCheck | None, alive: Sequence[ApiWorker]) -> None:
    other = next((worker for worker in alive if worker.scorer != "compiled"), None)
    note = "its difference from the pipeline is not known"
    if other is not None:
        why = other.scorer_reason or "no model answers"
        note = f"because {why[0].lower()}{why[1:]}"
    elif check is not None and check.largest_difference is not None:
        note = (
            f"at most {check.largest_difference:.2g} points from the pipeline on "
            f"{wording.count(check.n_rows, 'row')}"
        )
    metric_cards.show(
        f"Scorer of {alive[0].version}",
        "Compiled" if other is None else other.scorer.capitalize(),
        note,
        "The pipeline as a function of one row; a version whose function scores differently "
        "serves from the pipeline itself.",
    )


def _show_stages(state: SystemStatus, alive: Sequence[ApiWorker]) -> None:
    stages = combine_stages(alive)
    measured = [worker.measured_at for worker in alive if worker.measured_at is not None]
    if not stages or not measured:
        st.caption("No single-row request was measured yet: one in 64 is, from the first on.")
        return
    tables.show(
        [
            {
                "stage": name,
                "mean (ms)": round(stage.mean_ms, 3),
                "p95 (ms)": round(stage.p95_ms, 3),
                "requests": stage.n,
                "what": _WHAT.get(name, ""),
            }
            for name, stage in stages.items()
        ],
        key="stages",
        alt="Where the time of a single-row request goes, by stage",
        columns={
            "mean (ms)": tables.figure(),
            "p95 (ms)": tables.figure(),
            "requests": tables.whole(),
            "what": tables.wide(),
        },
    )
    st.caption(
        f"Of the newest requests that were measured, one in 64; the last "
        f"{wording.ago(max(measured), state.at)}. With several workers, the p95 of the slowest."
    )
