"""Monitoring: health with its reasons, incidents, figures over time."""

from core.store.monitoring import incidents as incident_rows
from ui import st
from ui.common import actions, context, filters, status
from ui.monitoring import drift, incidents, messages, performance, performance_table, segments

app = context.get_app()
actions.head("Monitoring", "The predictor's health now, and its figures over time.")


@st.fragment(run_every="15s")
def show_health() -> None:
    """Show the current status with its reasons, live."""
    status.show_report(performance.load(app, filters.DAY)[1])


@st.fragment(run_every="15s")
def show_window(window: filters.TimeWindow) -> None:
    """Show the figures of the window, live."""
    settings, summary = performance.load(app, window)
    performance.show_figures(summary, settings, window)
    performance_table.show(summary.performance)
    performance.show_charts(summary, settings, window)


@st.fragment(run_every="60s")
def show_drift() -> None:
    """Show the drift against the holdout of the version that serves."""
    drift.show_drift(performance.load_drift(app))


show_health()

with app.db.read() as conn:
    found = incident_rows.load_incidents(conn, 50)
lasting = [incident for incident in found if incidents.lasts(incident)]
if lasting:
    st.subheader("Open incidents")
    incidents.show_open(app, lasting, app.now())

st.subheader("Figures")
show_window(filters.pick_window())

st.subheader("Error by segment")
errs = segments.pick_report(performance.load_segments(app))
widened = None if errs is None else performance.load_widening(app, errs.version)
segments.show_segments(errs, widened, app.settings.tolerance)

st.subheader("Drift")
show_drift()

st.subheader("Past incidents")
past = [incident for incident in found if not incidents.lasts(incident)]
incidents.show_past(past)
incidents.show_judging(app, past)

st.subheader("Messages")
messages.show(app)
