"""The explanation of a prediction's score: the contribution of each column, on a click."""

from core import text
from core.bootstrap import App
from core.domain.prediction import Prediction
from core.errors import OpsError
from ui import st
from ui.common import context, tables
from ui.markup import Markdown


def offer(app: App, prediction: Prediction) -> None:
    """Offer the explanation; only on a click, since loading the version takes seconds."""
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
            "**{:.2f} points**: {:.2f} for an average row plus the contributions of the columns "
            "({}); {:.2f} before clipping to the scale."
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
        alt="Contribution of each column to the score, largest first",
        limit=22,
        columns={"adds, points": tables.figure()},
    )
