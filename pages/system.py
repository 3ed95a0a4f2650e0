"""System: the installation, its jobs, settings, keys, people and audit."""

from core.domain.actor import Role
from core.store.installation import api_keys, approvals, sessions, setting_changes
from core.store.jobs import jobs as job_rows
from core.system import describe_system
from ui import st
from ui.common import actions, context, jobs
from ui.system import api_workers, audit, installation, keys, people, settings

app = context.get_app()
actions.head("System", "The installation: store, worker, jobs, settings, keys, people and audit.")

state = describe_system(app)
with app.db.read() as conn:
    recent = job_rows.load_jobs(conn, 50)
    changes = setting_changes.load_changes(conn, 20)
    found_keys = api_keys.load_keys(conn)
    asked = approvals.load_newest(conn)
    logins = sessions.load_sessions(conn)

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

st.subheader("People")
people.show(app, logins)

st.subheader("Approvals")
people.show_approvals(app, asked, state.at)

st.subheader("API keys")
keys.show(app, found_keys)

st.subheader("Audit")
role = context.get_actor().role
if role.covers(Role.OPERATOR):
    audit.show(app)
else:
    st.caption(f"Needs the role {Role.OPERATOR}; you are {role}.")

st.subheader("All settings")
settings.show_settings(app)
