"""Decisions: what is picked and redone, what that saves, and what another threshold would do."""

from core.bootstrap import load_current_settings
from core.decisions.policies import load_labelled, load_overview, load_redo_log
from core.store.predictions import decisions
from ui import st
from ui.common import actions, context
from ui.decisions import log, policies, summary, thresholds

app = context.get_app()
actions.head("Decisions", "What is picked, what is redone, and what that is worth.")

scale = load_current_settings(app).scale
overview = load_overview(app.db)
_, rows = load_labelled(app.db, thresholds.N_ROWS)
decided = load_redo_log(app.db, app.now() - thresholds.WINDOW, thresholds.N_ROWS)
with app.db.read() as conn:
    counts = decisions.count_decisions(conn, app.now() - summary.WINDOW)
    newest = decisions.load_decisions(conn, 50)

summary.show(overview, counts, rows, decided)
st.subheader("Redo below another score")
thresholds.offer(app, overview, rows, decided, scale)
st.subheader("Policies")
policies.show(app, overview)
with st.expander("Set a pick policy", key="pick"):
    policies.offer_pick(app, overview, scale)
st.subheader("Newest decisions")
st.caption(
    "The probability is that which the rule gave to what was done: labels of a rare choice count "
    "for the many that were not made."
)
log.show(newest)
