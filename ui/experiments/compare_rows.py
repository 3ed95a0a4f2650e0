"""Versions scored on the same rows, on a click."""

from collections.abc import Sequence

from core import text
from core.bootstrap import App
from core.domain.version import Version, version_name
from core.errors import OpsError
from ui import st
from ui.common import charts, context
from ui.markup import Markdown


def offer(app: App, versions: Sequence[Version], serving: int | None) -> None:
    """Offer to score the versions on the same rows; only on a click, since loading takes
    seconds."""
    if not st.button(
        "Score them on the same rows",
        key="together",
        icon=":material/balance:",
        help="On the holdout rows of the newest that none was trained on.",
    ):
        return
    # Not at the top: pandas takes seconds to import, which no page may cost before it is asked.
    from core.training.compare.same_rows import compare_together

    oldest = min(versions, key=lambda version: version.number)
    reference = next((v for v in versions if v.number == serving), oldest)
    try:
        with st.spinner("Scoring"):
            found = compare_together(
                app.db, app.registry, versions, reference, folder=app.settings.snapshots
            )
    except OpsError as error:
        context.show_problem(error)
        return
    st.plotly_chart(
        charts.draw_marks(
            [charts.build_mark(version_name(n), mae) for n, mae in found.mae.items()],
            unit="MAE on the same rows, points",
        ),
        key="together_mae",
        config=charts.CONFIG,
        alt="MAE of each version on the same rows with its 95 % confidence interval"
        f"{text.by_blocks(found.basis)}",
    )
    for number, extra in found.extra.items():
        verdict = (
            "worse" if extra.low > 0 else "better" if extra.high < 0 else "not shown to differ"
        )
        st.markdown(
            Markdown("- **{}** against {}: {}; the MAE differs by {} on the same rows.").format(
                version_name(number), reference.name, verdict, text.estimate(extra, "points")
            )
        )
    left_out = f"; {found.n_left_out:,} were left out" if found.n_left_out else ""
    st.caption(
        f"On {text.count(found.n_rows, 'row')} that none was trained on{left_out}. "
        f"Intervals are 95 % confidence intervals{text.by_blocks(found.basis)}, and treat "
        f"{found.basis} as independent."
    )
