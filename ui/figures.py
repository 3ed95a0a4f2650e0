"""Figures in boxes: a value with its unit, and below it what it rests on."""

from typing import Protocol

from core.domain.naive import Naive
from core.domain.report import TrainingReport
from core.domain.version import version_name
from ui import st, words

NAIVE_HELP = "Naive: the best constant guess for the same rows, found in hindsight."


class Judged(Protocol):
    """What the labels of some rows say, with the best constant guesses for them; None below the
    smallest number of labels."""

    @property
    def accuracy(self) -> words.Ranged | None: ...
    @property
    def mae(self) -> words.Ranged | None: ...
    @property
    def rmse(self) -> words.Ranged | None: ...
    @property
    def skill(self) -> words.Ranged | None: ...
    @property
    def naive(self) -> Naive | None: ...


_NARROWEST = {3: 280, 4: 190, 5: 165}


def row(across: int = 4) -> st.DeltaGenerator:
    """A row of boxes, at most about `across` (3 to 5) beside each other, fewer where the window is
    narrow; use it with `with`."""
    return st.grid("auto", min_column_width=_NARROWEST[across], gap="small")


def show(label: str, value: str, note: str = "", help: str | None = None) -> None:
    """One box."""
    with st.container(border=True, height="stretch", gap=None):
        st.metric(label, value, help=help)
        if note:
            st.caption(note)


def build_cells(found: Judged, tolerance: float) -> dict[str, str]:
    """The cells of a table about some rows: each figure with its interval and the naive one."""
    accuracy = f"accuracy ({words.tolerance(tolerance)})"
    naive = found.naive
    if found.accuracy is None or found.mae is None or naive is None:
        return dict.fromkeys((accuracy, "MAE", "RMSE", "skill"), "too few labels")
    return {
        accuracy: f"{words.percent_range(found.accuracy)}, naive {words.percent(naive.accuracy)}",
        "MAE": f"{words.points(found.mae)}, naive {words.error(naive.mae)}",
        "RMSE": f"{words.points(found.rmse)}, naive {words.error(naive.rmse)}",
        "skill": words.percent_range(found.skill),
    }


def show_metrics(report: TrainingReport) -> None:
    """The metrics of a training on its holdout, each with its interval."""
    metrics, rows = report.metrics, words.count(report.n_holdout, "held-out row")
    scale = f"{report.scale_low:g} to {report.scale_high:g}"
    with row(across=5 if report.improvement is None else 3):
        show(
            "MAE",
            words.point(metrics.mae),
            f"{words.interval(metrics.mae)}, {rows}",
            f"Mean absolute error, in points of the scale {scale}; less is better.",
        )
        show(
            f"Accuracy ({words.tolerance(report.tolerance)})",
            words.percent(metrics.accuracy.value),
            f"{words.interval(metrics.accuracy, 1, 100)}, {rows}",
            f"Share of scores {words.tolerance(report.tolerance)} points of the truth.",
        )
        show(
            "Skill",
            words.NOTHING if metrics.skill is None else words.percent(metrics.skill.value),
            "" if metrics.skill is None else words.interval(metrics.skill, 1, 100),
            "How much less error than the best guess that looks at no feature; 0 % is no better "
            "than guessing.",
        )
        show(
            "RMSE",
            words.point(metrics.rmse),
            words.interval(metrics.rmse),
            "Root mean squared error: large misses weigh more than in the MAE.",
        )
        show(
            "R²",
            words.NOTHING if metrics.r2 is None else words.number(metrics.r2.value, 2),
            "the target does not vary" if metrics.r2 is None else words.interval(metrics.r2, 2),
            "Share of the target's variance that the score explains; below 0 is worse than its "
            "mean.",
        )
        if report.improvement is not None:
            champion = version_name(report.champion or 0)
            show(
                f"Against {champion}",
                words.point(report.improvement),
                f"{words.interval(report.improvement)}, "
                f"{words.count(report.n_compared, 'common row')}",
                f"MAE of {champion} minus this one's, on the same rows; above 0 is better.",
            )
