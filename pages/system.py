"""System: the installation, its jobs, settings and keys."""

from core.store.installation import api_keys, setting_changes
from core.store.jobs import jobs as job_rows
from core.system import describe_system
from ui import st
from ui.common import actions, context, jobs
from ui.system import api_workers, installation, keys, settings

app = context.get_app()
actions.head("System", "The installation: store, worker, scheduled tasks, jobs, settings and keys.")

state = describe_system(app)
with app.db.read() as conn:
    recent = job_rows.load_jobs(conn, 50)
    changes = setting_changes.load_changes(conn, 20)
    found_keys = api_keys.load_keys(conn)

installation.show(state)

st.subheader("Scheduled tasks")
installation.show_tasks(state)

st.subheader("Prediction API")
api_workers.show(state)

st.subheader("Jobs")
for job in jobs.open_jobs(recent):
    jobs.show_job(app, job.id)
if recent:
    jobs.show_jobs(recent, state.at)
else:
    st.caption("No jobs yet.")

st.subheader("Thresholds and retraining")
settings.show(app, changes)

st.subheader("API keys")
keys.show(app, found_keys)

st.subheader("All settings")
settings.show_settings(app)
