"""Cards of figures: a value with its unit, and below it its interval and row count."""

from typing import Protocol

from core.domain.training_report import Naive, TrainingReport
from core.domain.version import version_name
from ui import st
from ui.common import wording

NAIVE_HELP = "Baseline: the best constant score for the same rows, found in hindsight."


class JudgedFigure(Protocol):
    """The figures of some labelled rows, with those of the best constant baselines; None below the
    smallest number of labels."""

    @property
    def accuracy(self) -> wording.Ranged | None: ...
    @property
    def mae(self) -> wording.Ranged | None: ...
    @property
    def rmse(self) -> wording.Ranged | None: ...
    @property
    def skill(self) -> wording.Ranged | None: ...
    @property
    def naive(self) -> Naive | None: ...


_NARROWEST = {3: 280, 4: 190, 5: 165}


def row(across: int = 4) -> st.DeltaGenerator:
    """Return a row of about `across` (3 to 5) cards, fewer if the window is narrow; use it with
    `with`."""
    return st.grid("auto", min_column_width=_NARROWEST[across], gap="small")


def show(label: str, value: str, note: str = "", help: str | None = None) -> None:
    """One box."""
    with st.container(border=True, height="stretch", gap=None):
        st.metric(label, value, help=help)
        if note:
            st.caption(note)


def build_cells(found: JudgedFigure, tolerance: float) -> dict[str, str]:
    """The cells of a table about some rows: each figure with its interval and the baseline's."""
    accuracy = f"accuracy ({wording.tolerance(tolerance)})"
    naive = found.naive
    if found.accuracy is None or found.mae is None or naive is None:
        return dict.fromkeys((accuracy, "MAE", "RMSE", "skill"), "too few labels")
    return {
        accuracy: f"{wording.percent_range(found.accuracy)}, "
        f"baseline {wording.percent(naive.accuracy)}",
        "MAE": f"{wording.points(found.mae)}, baseline {wording.error(naive.mae)}",
        "RMSE": f"{wording.points(found.rmse)}, baseline {wording.error(naive.rmse)}",
        "skill": wording.percent_range(found.skill),
    }


def show_metrics(report: TrainingReport) -> None:
    """The metrics of a training on its holdout, each with its interval."""
    metrics, rows = report.metrics, wording.count(report.n_holdout, "holdout row")
    scale = f"{report.scale_low:g} to {report.scale_high:g}"
    with row(across=5 if report.improvement is None else 3):
        show(
            "MAE",
            wording.point(metrics.mae),
            f"{wording.interval(metrics.mae)}, {rows}",
            f"Mean absolute error, in points of the scale {scale}; less is better.",
        )
        show(
            f"Accuracy ({wording.tolerance(report.tolerance)})",
            wording.percent(metrics.accuracy.value),
            f"{wording.interval(metrics.accuracy, 1, 100)}, {rows}",
            f"Share of scores {wording.tolerance(report.tolerance)} points of the truth.",
        )
        show(
            "Skill",
            wording.NOTHING if metrics.skill is None else wording.percent(metrics.skill.value),
            "" if metrics.skill is None else wording.interval(metrics.skill, 1, 100),
            "Reduction of the MAE against the best baseline without features; 0 % is no better.",
        )
        show(
            "RMSE",
            wording.point(metrics.rmse),
            wording.interval(metrics.rmse),
            "Root mean squared error: large misses weigh more than in the MAE.",
        )
        show(
            "R²",
            wording.NOTHING if metrics.r2 is None else wording.number(metrics.r2.value, 2),
            "the target does not vary" if metrics.r2 is None else wording.interval(metrics.r2, 2),
            "Share of the target's variance that the score explains; below 0 is worse than its "
            "mean.",
        )
        if report.improvement is not None:
            champion = version_name(report.champion or 0)
            show(
                f"Against {champion}",
                wording.point(report.improvement),
                f"{wording.interval(report.improvement)}, "
                f"{wording.count(report.n_compared, 'common row')}",
                f"MAE of {champion} minus this one's, on the same rows; above 0 is better.",
            )
