"""The table of errors in a window: each version, the heuristic and the constant baseline."""

from core.domain.version import version_name
from core.monitoring.measure.performance import Figures, Performance
from ui import st
from ui.common import metric_cards, tables
from ui.markup import Markdown


def show(performance: Performance) -> None:
    """Show a row for each version that answered and one for the heuristic; nothing without
    answers."""
    rows = [
        _build_row(version_name(number), found, performance.tolerance)
        for number, found in performance.versions.items()
    ]
    if performance.heuristic.n_predictions:
        rows.append(_build_row("heuristic", performance.heuristic, performance.tolerance))
    if not rows:
        return
    st.markdown(
        Markdown("**By version**, with 95 % confidence intervals by days"),
        help=metric_cards.NAIVE_HELP,
    )
    tables.show(
        rows,
        key="delivered",
        alt="Accuracy, errors and skill of each version and of the heuristic in the window",
        columns={"scores": tables.whole(), "labels": tables.whole()},
    )


def _build_row(name: str, found: Figures, tolerance: float) -> dict[str, object]:
    return {
        "answered by": name,
        "scores": found.n_predictions,
        "labels": found.n_labelled,
        **metric_cards.build_cells(found, tolerance),
    }
