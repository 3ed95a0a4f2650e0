"""Training: start one, follow it, and read its report."""

from core.data.quality.overview import describe_data
from core.store.jobs import jobs as job_rows
from core.store.jobs import schedule
from core.store.models import deployments, versions
from core.training.recipe_registry import RECIPES
from core.watching import PREVIEW, RETRAIN_TASK, describe_app_retraining, find_app_preview
from ui import st
from ui.common import actions, context, jobs, pages
from ui.system import erasures
from ui.training import error_analysis, promotion_review, reports, trainings

app = context.get_app()
actions.head("Training", "Train a version on the imported rows, and read its report.")

data = describe_data(app.db)
with app.db.read() as conn:
    recent = job_rows.load_jobs(conn, 1, ["train"])
    looks = job_rows.load_jobs(conn, 1, [PREVIEW])
    trained = versions.load_versions(conn)
    decisions = deployments.load_decisions(conn, 5)
    next_at = next(
        (t.next_run_at for t in schedule.load_tasks(conn) if t.name == RETRAIN_TASK), None
    )

if trained:
    trainings.show_due(describe_app_retraining(app, context.get_actor().name))
    trainings.show_preview(app, find_app_preview(app), next(iter(jobs.open_jobs(looks)), None))
    trainings.show_decisions(decisions, next_at)
if data.n_rows:
    trainings.offer(app, RECIPES, data)
else:
    st.info("No rows yet: import a file first.", icon=":material/upload:")
    pages.link("data", "Import labelled rows")

if recent:
    jobs.show_job(app, recent[0].id)

if trained:
    chosen = reports.pick(trained, "Report of")
    shown = next((version for version in trained if version.number == chosen), trained[0])
    reports.show(shown)
    erasures.note(app, shown)
    error_analysis.show(app, shown)
    promotion_review.show(app)
elif data.n_rows:
    st.caption("No version yet: its report appears here. A thousand rows take seconds.")
