"""Why a prediction has its score: what each column added, asked for by a click."""

from core import text
from core.bootstrap import App
from core.domain.prediction import Prediction
from core.errors import OpsError
from ui import st
from ui.common import context, tables
from ui.markup import Markdown


def offer(app: App, prediction: Prediction) -> None:
    """Nothing until somebody asks: the version has to be loaded first, which takes seconds."""
    if not st.button("Explain the score", key="explain", icon=":material/help_center:"):
        return
    # Not at the top: scikit-learn takes 4 s to import, which no page may cost before it is asked.
    from core.training.explain.explain_prediction import explain_prediction

    try:
        why = explain_prediction(app.db, app.registry, prediction.id)
    except OpsError as error:
        context.show_problem(error)
        return
    found = why.explanation
    st.markdown(
        Markdown(
            "**{:.2f} points**: {:.2f} for an average row, and what each column "
            "adds ({}); {:.2f} before it is clipped to the scale."
        ).format(why.served, found.base, found.method, found.score)
    )
    if why.doubt:
        st.caption(why.doubt)
    tables.show(
        [
            {
                "column": name,
                "value": text.NOTHING
                if (value := prediction.features.get(name)) is None
                else str(value),
                "adds, points": points,
            }
            for name, points in found.contributions.items()
        ],
        key="contributions",
        alt="What each column added to the score, largest first",
        limit=22,
        columns={"adds, points": tables.figure()},
    )
