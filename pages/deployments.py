"""Deployments: what serves, and changing it with a reason."""

from datetime import UTC

import streamlit as st

from core.deployment import plan, release
from core.deployment.trials import describe_trial
from core.domain.version import version_name
from core.store import deployments, versions
from ui import actions, context, pages, releases, replays, trials, words

app = context.get_app()
actions.head(
    "Deployments", "Which version answers, since when, by whom and why. Deploy, or go back."
)

now = app.now()
with app.db.read() as conn:
    history = deployments.load_history(conn)
    trained = versions.load_versions(conn)
standing = describe_trial(app.db, now)
summary = plan.summarize_plan(history, None if standing is None else standing.challenger)

releases.show_champion(summary, trained, now)
if standing is not None:
    trials.show(standing, now)
    trials.offer_end(app, standing, summary.revision)
if not trained:
    st.info("There is no version to deploy yet: train one first.", icon=":material/arrow_forward:")
    pages.link("training", "Train a version")
    st.stop()

with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = releases.pick_version(trained)
    replay = replays.find(app, chosen)
    releases.offer_deploy(app, chosen, summary, trained, replay)
    releases.offer_rollback(app, plan.choose_rollback(history), summary, trained)
    releases.offer_rehearsal(app, plan.choose_rollback(history))
releases.show_choice(chosen, summary, trained)
trials.offer_start(app, chosen, summary, trained)
with st.expander(f"Replay recorded requests with {version_name(chosen)}", key="replay"):
    replays.offer(app, chosen)
    if replay is not None:
        replays.show(replay, now)

st.subheader("History")
releases.show_history(history)

st.subheader("What served at a moment?")
moment = st.datetime_input("Moment (UTC)", value=now.replace(tzinfo=None), key="at", width=260)
if moment is not None:
    served = release.what_served(app.db, moment.replace(tzinfo=UTC, second=59, microsecond=999_999))
    if served is None:
        st.write("Nothing was deployed yet: callers got the heuristic.")
    else:
        st.write(
            f"**{version_name(served.plan.champion)}**, since {words.moment(served.at)}, by "
            f"{served.by} (revision {served.revision}): {served.reason}"
        )
