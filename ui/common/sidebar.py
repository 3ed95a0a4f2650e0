"""The sidebar of every page: the predictor's health, and the person who is logged in."""

from core import text
from core.bootstrap import App
from core.domain.job import SCHEDULER
from core.domain.monitoring import Health
from core.domain.version import version_name
from core.store.jobs import schedule
from core.store.models import deployments
from core.store.monitoring import health
from ui import st
from ui.common import context, status
from ui.markup import Markdown


def show(app: App) -> None:
    """Show the sidebar below the list of pages."""
    with st.sidebar:
        _show_status(app)
        st.caption(Markdown(":material/person: {}").format(context.get_actor().name))
        if context.login_is_set_up():
            st.button("Log out", key="logout", type="tertiary", on_click=context.log_out)


@st.fragment(run_every="10s")
def _show_status(app: App) -> None:
    now = app.now()
    with app.db.read() as conn:
        report = health.find_last_change(conn)
        serving = deployments.find_current(conn)
        lease = schedule.find_lease(conn, SCHEDULER)
    with st.container(border=True, gap="xsmall"):
        if report is None:
            st.markdown(status.inline(Health.UNKNOWN))
            st.caption("Not measured yet.")
        else:
            st.markdown(status.inline(report.health))
            st.caption(f"since {text.moment_ago(report.at, now)}")
        name = "nothing" if serving is None else version_name(serving.plan.champion)
        st.caption(Markdown("Serves: **{}**").format(name))
        if lease is None or not lease.is_live(now):
            st.caption(
                Markdown(":orange[:material/visibility_off: Not monitored: no worker runs.]")
            )
