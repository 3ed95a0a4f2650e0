"""The training rows nearest to a prediction, on a click."""

from core import text
from core.bootstrap import App
from core.domain.prediction import Prediction
from core.domain.version import version_name
from core.errors import OpsError
from ui import st
from ui.common import context, tables


def offer(app: App, prediction: Prediction) -> None:
    """Offer the nearest rows; only on a click, since the version and its snapshot have to be
    loaded."""
    if not st.button("Find the nearest training rows", key="nearest", icon=":material/near_me:"):
        return
    # Not at the top: scikit-learn takes 4 s to import, which no page may cost before it is asked.
    from core.monitoring.nearest import load_nearest

    try:
        found = load_nearest(app.db, app.registry, app.settings.snapshots, prediction.id)
    except OpsError as error:
        context.show_problem(error)
        return
    st.caption(
        f"The nearest of the {found.n_rows:,} rows of snapshot {found.snapshot_id}, on which "
        f"{version_name(found.version)} was trained, as its pipeline encodes them. Distances are "
        "in standard deviations a column; 0 is the same row."
    )
    tables.show(
        [
            {
                "distance, sd": row.distance,
                "true score, points": row.target,
                "id": row.external_id or text.NOTHING,
                "source": row.source,
                "made (UTC)": row.at,
                "features": ", ".join(
                    f"{name} {text.NOTHING if value is None else value}"
                    for name, value in row.features.items()
                ),
            }
            for row in found.rows
        ],
        key="nearest_rows",
        alt="The training rows nearest to the prediction, nearest first",
        columns={
            "distance, sd": tables.figure(),
            "true score, points": tables.figure(),
            "made (UTC)": tables.time(),
            "features": tables.wide(),
        },
    )
