"""Data: import labelled rows, and see their quality."""

from core.data.quality.overview import describe_data, find_baseline, judge_data
from core.store.data import snapshots
from core.store.jobs import jobs as job_rows
from ui import st
from ui.common import actions, context, jobs
from ui.data import data_inventory, sources, uploads
from ui.system import erasures

app = context.get_app()
actions.head("Data", "Labelled rows for training: import a file, and check its quality.")

with app.db.read() as conn:
    recent = job_rows.load_jobs(conn, 1, ["import", "demo", "collect"])
    taken = snapshots.load_snapshots(conn, 20)
    baseline = find_baseline(conn)
data = describe_data(app.db)

if data.n_rows:
    st.subheader("Rows")
    data_inventory.show_glance(judge_data(data))
    data_inventory.show_counts(data, app.now())

st.subheader("Import rows")
chosen = uploads.offer_import(app)
uploads.offer_demo(app)
sources.offer_collection(app)
if recent:
    jobs.show_job(app, recent[0].id)

if data.sources:
    st.subheader("Sources")
    sources.show(data.sources)

if not data.n_rows:
    if chosen or recent:
        st.stop()
    st.info(
        "No rows yet. Choose a file above: each row is one piece of work with its measurements and "
        "a score that somebody gave it.",
        icon=":material/upload_file:",
    )
    st.stop()

st.subheader("Quality")
data_inventory.show_quality(data.quality, baseline, app.now())
data_inventory.show_enhanced(data)

st.subheader("Imports")
data_inventory.show_imports(data.collections)

st.subheader("Snapshots")
data_inventory.show_snapshots(taken)
erasures.offer(app)
erasures.show(app)
