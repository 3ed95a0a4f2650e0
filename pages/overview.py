"""Overview: the status, its reasons, then the next step."""

from core.data.quality.overview import describe_data
from core.deployment.release import describe_plan
from core.store.models import versions
from ui import st
from ui.common import actions, context, filters, status
from ui.deployments import releases
from ui.monitoring import incidents, performance
from ui.overview import onboarding

app = context.get_app()
actions.head("Overview", "The version that serves, its health, and the next step.")


@st.fragment(run_every="15s")
def show_now() -> None:
    """Show everything that changes over time, live."""
    settings, day = performance.load(app, filters.DAY)
    month = performance.load_outcomes(app, filters.MONTH, settings)
    plan, data = describe_plan(app.db, app.now()), describe_data(app.db)
    with app.db.read() as conn:
        trained = versions.load_versions(conn, 50)
    steps = onboarding.build_steps(
        has_rows=bool(data.n_rows),
        has_version=bool(trained),
        serves=plan.champion is not None,
        has_requests=bool(day.traffic.counts.n_attempted or month.model.n_predictions),
        has_labels=bool(month.model.n_labelled),
    )
    status.show_report(day)
    incidents.show_short(day.incidents, app.now())
    if not onboarding.is_complete(steps):
        onboarding.show(steps)
    releases.show_champion(plan, trained, app.now())
    if plan.champion is not None:
        performance.show_day(day, month, settings)


show_now()
