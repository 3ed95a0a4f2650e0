"""Experiments: compare versions, and list MLflow's runs."""

from core.store.models import deployments, versions
from ui import st
from ui.common import actions, context, pages, tables
from ui.experiments import compare, notes, runs
from ui.system import erasures
from ui.training import reports

app = context.get_app()
actions.head("Experiments", "Every version, and the reasons for its figures.")

with app.db.read() as conn:
    trained = versions.load_versions(conn)
    said = versions.load_notes(conn, [version.number for version in trained])
    current = deployments.find_current(conn)
if not trained:
    st.info("No version yet: train one first.", icon=":material/model_training:")
    pages.link("training", "Train a version")
    st.stop()

runs.show_waiting(trained)
st.subheader("Compare")
picked = compare.pick(trained)
compare.show(app, picked, None if current is None else current.plan.champion)

st.subheader("Versions")
blocks = reports.by_blocks(trained)
tables.show(
    [
        {
            "version": version.name,
            "tags": ", ".join(notes.tags_of(said, version.number)),
            **row,
        }
        for row, version in zip(reports.version_rows(trained), trained, strict=True)
    ],
    key="versions",
    alt=f"Versions, newest first, with metrics, 95 % confidence intervals{blocks}, gate and tags",
    columns={"holdout rows": tables.whole(), "trained (UTC)": tables.time()},
)
for version in trained:
    erasures.note(app, version)
notes.show(app, trained, said)

st.subheader("MLflow runs")
runs.show(app)
