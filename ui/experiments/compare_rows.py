"""Versions scored on the same rows, when somebody asks for it."""

from collections.abc import Sequence

from core import text
from core.bootstrap import App
from core.domain.version import Version, version_name
from core.errors import OpsError
from ui import st
from ui.common import charts, context
from ui.markup import Markdown


def offer(app: App, versions: Sequence[Version], serving: int | None) -> None:
    """Nothing until somebody asks: the versions have to be loaded first, which takes seconds."""
    if not st.button(
        "Score them on the same rows",
        key="together",
        icon=":material/balance:",
        help="On the newest one's held-out rows that none of them has learned from.",
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
        alt="Mean absolute error of each version on the same rows with its 95 % interval",
    )
    for number, extra in found.extra.items():
        verdict = (
            "worse" if extra.low > 0 else "better" if extra.high < 0 else "not to be told apart"
        )
        st.markdown(
            Markdown("- **{}** against {}: {}; row by row its MAE differs by {}.").format(
                version_name(number), reference.name, verdict, text.estimate(extra, "points")
            )
        )
    left_out = f"; {found.n_left_out:,} were left out" if found.n_left_out else ""
    st.caption(
        f"On {text.count(found.n_rows, 'row')} that none of them has learned from{left_out}. "
        f"Intervals are 95 %, and treat {found.basis} as independent."
    )
