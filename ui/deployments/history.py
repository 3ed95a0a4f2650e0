"""The history: the timeline, the version at a moment, and the provenance of a prediction."""

from datetime import UTC, datetime, timedelta

from core import text
from core.bootstrap import App
from core.deployment import release
from core.deployment.lineage import describe_story, load_story, load_timeline
from core.domain.version import version_name
from core.errors import OpsError
from ui import st
from ui.common import charts, context, tables
from ui.deployments import explanation, nearest
from ui.markup import Markdown

_SPANS = {7: "7 days", 30: "30 days", 90: "90 days", 365: "a year"}
_PARAMETER = "prediction"


def show_timeline(app: App, now: datetime) -> None:
    """Show versions, releases, incidents, trainings and data on one axis."""
    days = st.segmented_control(
        "Of the last",
        list(_SPANS),
        default=30,
        required=True,
        format_func=lambda n: _SPANS[n],
        key="timeline_days",
    )
    timeline = load_timeline(app.db, now - timedelta(days=days), now)
    st.plotly_chart(
        charts.draw_timeline(timeline),
        config=charts.CONFIG,
        key="timeline",
        alt="Serving versions, trials, releases, incidents, trainings and data over time",
    )
    listed = [
        *((span.from_at, span.lane, span.name, span.detail) for span in timeline.spans),
        *((moment.at, moment.lane, moment.name, moment.detail) for moment in timeline.moments),
    ]
    with st.expander("As a table", key="timeline_listed"):
        tables.show(
            [
                {"from (UTC)": at, "what": lane.value, "name": name, "detail": detail}
                for at, lane, name, detail in sorted(listed, reverse=True)
            ],
            key="timeline_table",
            alt="Everything on the timeline, newest first",
            columns={"from (UTC)": tables.time(), "detail": tables.wide()},
        )


def show_moment(app: App, now: datetime) -> None:
    """Show the deployment at a chosen moment."""
    at = st.datetime_input("Moment (UTC)", value=now.replace(tzinfo=None), key="at", width=260)
    served = release.what_served(app.db, at.replace(tzinfo=UTC, second=59, microsecond=999_999))
    if served is None:
        st.markdown("Nothing was deployed: the heuristic answered.")
        return
    challenger = served.plan.challenger
    trial = (
        ""
        if challenger is None
        else f" {version_name(challenger)} was on trial with {text.percent(served.plan.traffic)}."
    )
    st.markdown(
        Markdown("**{}**, since {}, by {} (revision {}): {}.{}").format(
            version_name(served.plan.champion),
            text.moment(served.at),
            served.by,
            served.revision,
            served.reason.rstrip("."),
            trial,
        )
    )
    replay = served.evidence.get("replay")
    if isinstance(replay, dict):
        st.caption(f"Evidence: {replay['summary']}")


def show_prediction(app: App) -> None:
    """Show the provenance of a prediction by its id, which the address keeps."""
    asked = st.text_input(
        "Prediction id",
        value=st.query_params.get(_PARAMETER, ""),
        key="prediction_id",
        placeholder="from the API's answer",
        width=420,
    ).strip()
    if not asked:
        st.caption("The id of an answer leads to its version, data and deployment.")
        return
    st.query_params[_PARAMETER] = asked
    try:
        story = load_story(app.db, asked)
    except OpsError as error:
        context.show_problem(error)
        return
    with st.grid(2, min_column_width=400, gap="medium"):
        tables.show(
            [{"what": what, "value": value} for what, value in describe_story(story).items()],
            key="story",
            alt="The provenance of the prediction",
            limit=22,
            columns={"value": tables.wide()},
        )
        tables.show(
            [
                {"feature": name, "value": text.NOTHING if value is None else str(value)}
                for name, value in story.prediction.features.items()
            ],
            key="story_features",
            alt="The features of the request",
            limit=22,
        )
    explanation.offer(app, story.prediction)
    nearest.offer(app, story.prediction)
