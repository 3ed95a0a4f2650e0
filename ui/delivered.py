"""What each version and the heuristic delivered in a window, beside the best constant guess."""

import streamlit as st

from core.domain.version import version_name
from core.monitoring.outcomes import Figures, Performance
from ui import tables, words


def show(performance: Performance) -> None:
    """A row for each version that answered and one for the heuristic; nothing where none did."""
    rows = [
        _build_row(version_name(number), figures, performance.tolerance)
        for number, figures in performance.versions.items()
    ]
    if performance.heuristic.n_predictions:
        rows.append(_build_row("heuristic", performance.heuristic, performance.tolerance))
    if not rows:
        return
    st.markdown("**By version**, with 95 % intervals")
    tables.show(
        rows,
        key="delivered",
        alt="Accuracy, errors and skill of each version and of the heuristic in the window",
        columns={"scores": tables.whole(), "labels": tables.whole()},
    )


def _build_row(name: str, figures: Figures, tolerance: float) -> dict[str, object]:
    naive = figures.naive
    return {
        "who answered": name,
        "scores": figures.n_predictions,
        "labels": figures.n_labelled,
        f"accuracy ({words.tolerance(tolerance)})": "too few labels"
        if figures.accuracy is None
        else words.percent_range(figures.accuracy),
        "MAE": words.points(figures.mae),
        "RMSE": words.points(figures.rmse),
        "skill": words.percent_range(figures.skill),
        "best constant guess": words.NOTHING
        if naive is None
        else f"always {naive.guess:g}: MAE {words.number(naive.mae, words.digits_of(naive.mae))}",
    }
