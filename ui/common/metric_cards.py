"""Cards of figures: a value with its unit, and below it its interval and row count."""

from typing import Protocol

from core import text
from core.domain.training_report import Naive, TrainingReport
from core.domain.version import version_name
from ui import st

NAIVE_HELP = "Constant baseline: the best constant score for the same rows, found in hindsight."

INTERVAL_HELP = "With its 95 % confidence interval by days."


class JudgedFigure(Protocol):
    """The figures of some labelled rows, with those of the best constant baselines; None below the
    smallest number of labels."""

    @property
    def accuracy(self) -> text.Ranged | None: ...
    @property
    def mae(self) -> text.Ranged | None: ...
    @property
    def rmse(self) -> text.Ranged | None: ...
    @property
    def skill(self) -> text.Ranged | None: ...
    @property
    def naive(self) -> Naive | None: ...


_NARROWEST = {3: 280, 4: 190, 5: 165}


def row(across: int = 4) -> st.DeltaGenerator:
    """Return a row of about `across` (3 to 5) cards, fewer if the window is narrow; use it with
    `with`."""
    return st.grid("auto", min_column_width=_NARROWEST[across], gap="small")


def show(label: str, value: str, note: str = "", help: str | None = None) -> None:
    """Show one card."""
    with st.container(border=True, height="stretch", gap=None):
        st.metric(label, value, help=help)
        if note:
            st.caption(note)


def build_cells(found: JudgedFigure, tolerance: float) -> dict[str, str]:
    """Return the table cells of some rows: each figure with its interval and the constant
    baseline's."""
    accuracy = f"accuracy ({text.tolerance(tolerance)})"
    naive = found.naive
    if found.accuracy is None or found.mae is None or naive is None:
        return dict.fromkeys((accuracy, "MAE", "RMSE", "skill"), "too few labels")
    return {
        accuracy: _compare(text.percent_interval(found.accuracy), text.percent(naive.accuracy)),
        "MAE": _compare(text.estimate(found.mae, "points"), text.figure(naive.mae)),
        "RMSE": _compare(text.estimate(found.rmse, "points"), text.figure(naive.rmse)),
        "skill": text.percent_interval(found.skill),
    }


def _compare(figure: str, baseline: str) -> str:
    return f"{figure}, constant baseline {baseline}"


def show_metrics(report: TrainingReport) -> None:
    """The metrics of a training on its holdout, each with its interval."""
    metrics, rows = report.metrics, text.count(report.n_holdout, "holdout row")
    scale = f"{report.scale_low:g} to {report.scale_high:g}"
    limits = f"With its 95 % confidence interval{text.by_blocks(report.basis)}."
    with row(across=5 if report.improvement is None else 3):
        show(
            "MAE",
            text.points(metrics.mae),
            f"{text.interval(metrics.mae)}, {rows}",
            f"Mean absolute error, in points of the scale {scale}; less is better. {limits}",
        )
        show(
            f"Accuracy ({text.tolerance(report.tolerance)})",
            text.percent(metrics.accuracy.value),
            f"{text.interval(metrics.accuracy, 1, 100)}, {rows}",
            f"Share of scores {text.tolerance(report.tolerance)} points of the truth. {limits}",
        )
        show(
            "Skill",
            text.NOTHING if metrics.skill is None else text.percent(metrics.skill.value),
            "" if metrics.skill is None else text.interval(metrics.skill, 1, 100),
            f"Reduction of the MAE against the best naive baseline; 0 % is no better. {limits}",
        )
        show(
            "RMSE",
            text.points(metrics.rmse),
            text.interval(metrics.rmse),
            f"Root mean squared error: large misses weigh more than in the MAE. {limits}",
        )
        show(
            "R²",
            text.NOTHING if metrics.r2 is None else text.number(metrics.r2.value, 2),
            "the target does not vary" if metrics.r2 is None else text.interval(metrics.r2, 2),
            "Share of the target's variance that the score explains; below 0 is worse than its "
            f"mean. {limits}",
        )
        if report.improvement is not None:
            champion = version_name(report.champion or 0)
            show(
                f"Against {champion}",
                text.points(report.improvement),
                f"{text.interval(report.improvement)}, "
                f"{text.count(report.n_compared, 'common row')}",
                f"MAE of {champion} minus this one's, on the same rows; above 0 is better. "
                f"{limits}",
            )
