"""Deployments: the version that serves, and the forms to change it."""

from core.deployment import plan
from core.deployment.trials import describe_trial
from core.domain.version import version_name
from core.store.models import deployments, versions
from ui import st
from ui.common import actions, context, pages
from ui.deployments import history, releases, replays, trials

app = context.get_app()
actions.head(
    "Deployments", "The version that serves, since when, by whom and why. Deploy, or roll back."
)

now = app.now()
with app.db.read() as conn:
    deployed = deployments.load_history(conn)
    trained = versions.load_versions(conn)
standing = describe_trial(app.db, now)
summary = plan.summarize_plan(deployed, None if standing is None else standing.challenger)

target = plan.choose_rollback(deployed)
releases.show_champion(summary, trained, now)
with st.container(horizontal=True, vertical_alignment="bottom"):
    releases.offer_rollback(app, target, summary, trained)
    releases.offer_rehearsal(app, target)
if standing is not None:
    trials.show(standing, now)
    trials.offer_end(app, standing, summary.revision)
if trained:
    st.subheader("Deploy another version")
else:
    st.info("No version yet: train one first.", icon=":material/arrow_forward:")
    pages.link("training", "Train a version")
    st.stop()

with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = releases.pick_version(trained)
    replay = replays.find(app, chosen)
    releases.offer_deploy(app, chosen, summary, trained, replay)
releases.show_choice(app, chosen, summary, trained)
trials.offer_start(app, chosen, summary, trained)
with st.expander(f"Replay recorded requests with {version_name(chosen)}", key="replay"):
    replays.offer(app, chosen)
    if replay is not None:
        replays.show(replay, now)

st.subheader("History")
history.show_timeline(app, now)
releases.show_history(deployed)
with st.grid(2, min_column_width=400, gap="medium"):
    with st.container(gap="xsmall"):
        st.subheader("The version at a moment")
        history.show_moment(app, now)
    with st.container(gap="xsmall"):
        st.subheader("The provenance of a prediction")
        history.show_prediction(app)
