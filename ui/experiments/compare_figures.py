"""The figures behind several versions, next to each other."""

from collections.abc import Mapping, Sequence

from core import text
from core.domain.training_report import Estimate, ScoreBand, SearchAttempt
from core.domain.version import Version
from ui import st
from ui.common import charts, tables
from ui.experiments import compare_charts
from ui.markup import Markdown
from ui.training import reports

_CHOSEN_ELSEWHERE = " The least loss was not chosen: a grid compares at its own numbers of trees."


def show(versions: Sequence[Version]) -> None:
    """Show learning curves, residuals, feature importance, searches and parameters."""
    curves, residuals, importance, search, parameters = st.tabs(
        ["Learning curves", "Residuals", "Feature importance", "Search", "Parameters"], key="beside"
    )
    with curves:
        _show_curves(versions)
    with residuals:
        _show_residuals(versions)
    with importance:
        st.plotly_chart(
            compare_charts.draw_shares_beside(
                {v.name: v.report.importance for v in versions}, x="share of the importance, %"
            ),
            key="beside_importance",
            config=charts.CONFIG,
            alt="Share of importance of each feature in each version",
        )
    with search:
        for version in versions:
            _show_search(version)
    with parameters:
        differing = reports.differing(versions)
        if differing:
            tables.show(differing, key="differing", alt="Parameters that differ", limit=20)
        else:
            st.caption("No differences: the same parameters on the same rows.")


def _show_curves(versions: Sequence[Version]) -> None:
    st.plotly_chart(
        compare_charts.draw_series(
            {
                v.name: [
                    charts.Point(float(point.n_rows), point.mae, text.count(point.n_rows, "row"))
                    for point in v.report.learning_curve
                ]
                for v in versions
            },
            x="training rows",
            y="MAE on the version's holdout, points",
        ),
        key="beside_curves",
        config=charts.CONFIG,
        alt="MAE by the number of training rows, with 95 % confidence intervals"
        f"{reports.by_blocks(versions)}, a line a version",
    )


def _show_residuals(versions: Sequence[Version]) -> None:
    st.plotly_chart(
        compare_charts.draw_series(
            {v.name: [_residual(band) for band in v.report.score_bands] for v in versions},
            x="mean score of the band, points",
            y="truth minus score, mean, points",
            zero="perfectly calibrated",
        ),
        key="beside_residuals",
        config=charts.CONFIG,
        alt="Mean residual in bands of scores, with 95 % confidence intervals"
        f"{reports.by_blocks(versions)}, a line a version",
    )
    rows = _segment_rows(versions)
    if rows:
        st.markdown(
            Markdown("**MAE by segment, points, with 95 % confidence intervals{}**").format(
                reports.by_blocks(versions)
            )
        )
        tables.show(rows, key="beside_segments", alt="MAE of each category level in each version")


def _residual(band: ScoreBand) -> charts.Point:
    actual, score = band.actual, band.score
    return charts.Point(
        score,
        Estimate(actual.value - score, actual.low - score, actual.high - score),
        text.count(band.n_rows, "holdout row"),
    )


def _segment_rows(versions: Sequence[Version]) -> list[dict[str, object]]:
    of = {v.name: {(s.column, s.level): s for s in v.report.segments} for v in versions}
    parts = dict.fromkeys(part for found in of.values() for part in found)
    return [
        {
            "column": column,
            "level": level,
            **{
                name: text.estimate(found[column, level].mae)
                if (column, level) in found
                else text.NOTHING
                for name, found in of.items()
            },
        }
        for column, level in parts
    ]


def _show_search(version: Version) -> None:
    attempts = version.report.attempts
    st.markdown(Markdown("**{} · {} recipe**").format(version.name, version.report.recipe))
    if not attempts:
        st.caption("No combinations in its report: nothing was searched, or the report is too old.")
        return
    best = version.report.search.get("best")
    rows = _search_rows(attempts, best if isinstance(best, Mapping) else {})
    tables.show(
        rows,
        key=f"search_{version.number}",
        alt="Each combination that the search tried, with its loss, least first",
    )
    trees = "n_trees" in attempts[0].parameters
    is_elsewhere = not rows[0]["chosen"] and any(row["chosen"] for row in rows)
    st.caption(
        f"{text.count(len(attempts), 'combination')}"
        f"{', each at its best number of trees' if trees else ''}; the "
        "loss is the mean over the folds of the training rows, less is better."
        f"{_CHOSEN_ELSEWHERE if is_elsewhere else ''}"
    )


def _search_rows(
    attempts: Sequence[SearchAttempt], chosen: Mapping[str, object]
) -> list[dict[str, object]]:
    """Return a row for each attempt: those judged by most folds first, then by loss."""
    return [
        {
            "chosen": "✓" if attempt.parameters.items() <= chosen.items() else "",
            "loss": attempt.loss,
            "folds": attempt.n_folds,
            **attempt.parameters,
        }
        for attempt in sorted(attempts, key=lambda one: (-one.n_folds, one.loss))
    ]
