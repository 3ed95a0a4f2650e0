"""Experiments: versions side by side, and the runs that tracking holds."""

import streamlit as st

from core.store import versions
from ui import actions, comparing, context, pages, reports, tables

app = context.get_app()
actions.head("Experiments", "Every version that was trained, and what made the difference.")

with app.db.read() as conn:
    trained = versions.load_versions(conn)
if not trained:
    st.info("Nothing was trained yet: train a version first.", icon=":material/model_training:")
    pages.link("training", "Train a version")
    st.stop()

st.subheader("Versions")
tables.show(
    reports.version_rows(trained),
    key="versions",
    alt="Versions, newest first, with metrics, their 95 % intervals and the gate's verdict",
    columns={"held-out rows": tables.whole(), "trained (UTC)": tables.time()},
)

st.subheader("Compare")
comparing.show(comparing.pick(trained))

st.subheader("MLflow runs")
comparing.show_runs(app)
