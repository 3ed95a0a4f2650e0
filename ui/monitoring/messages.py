"""Messages: the channels, the messages sent, and maintenance."""

from collections.abc import Sequence
from datetime import timedelta

from core import text
from core.alerts.maintenance import announce, end_maintenance
from core.bootstrap import App, load_current_settings
from core.domain.actor import Act
from core.domain.incident import Delivery, DeliveryState, Maintenance
from core.settings import Settings
from core.store.monitoring import deliveries
from core.watching import try_app_channels
from ui import st
from ui.common import actions, context, tables
from ui.markup import Markdown

_HOURS = (1, 4, 12, 24)
_N_SHOWN = 50
_STATE = {
    DeliveryState.WAITING: "⏳ waiting",
    DeliveryState.CLAIMED: "➡ in progress",
    DeliveryState.SENT: "✓ sent",
    DeliveryState.DROPPED: "– not sent",
    DeliveryState.FAILED: "✕ given up",
}


def show(app: App) -> None:
    """Show the channels, recent messages, the test button and maintenance."""
    settings = load_current_settings(app)
    with app.db.read() as conn:
        window = deliveries.find_window(conn, app.now())
        waiting = deliveries.load_open(conn)
        newest = deliveries.load_newest(conn, _N_SHOWN)
    if window is not None:
        st.info(
            f"Maintenance by {window.by} until {text.moment(window.until_at)}: incidents are "
            f"recorded and no messages are sent ({window.reason}).",
            icon=":material/construction:",
        )
    st.markdown(_describe(settings, waiting))
    with st.container(horizontal=True):
        if settings.notify:
            actions.button(
                "Send a test",
                lambda: _send_test(app),
                key="send_test",
                act=Act.TRY_CHANNELS,
                icon=":material/send:",
            )
        _offer_maintenance(app, window)
    if newest:
        _show_newest(newest)


def _describe(settings: Settings, waiting: Sequence[Delivery]) -> str:
    if not settings.notify:
        return Markdown(
            ":orange-badge[:material/notifications_off: No messages are sent]: set "
            "`PLUMBLINE_NOTIFY` to one or more Apprise URLs, separated by commas, and restart."
        )
    parts = [f"messages go to {text.count(len(settings.notify), 'channel')}"]
    if waiting:
        parts.append(f"{text.count(len(waiting), 'message')} waiting")
    if settings.quiet_hours is not None:
        start, end = settings.quiet_hours
        parts.append(f"only for critical incidents between {start:%H:%M} and {end:%H:%M} UTC")
    if settings.silent_causes:
        parts.append(f"muted: {', '.join(settings.silent_causes)}")
    return Markdown(":material/notifications: {}.").format("; ".join(parts))


def _send_test(app: App) -> str:
    receipts = try_app_channels(app, context.get_actor())
    return "; ".join(
        f"{receipt.label}: {'taken' if receipt.error is None else f'not taken: {receipt.error}'}"
        for receipt in receipts
    )


def _offer_maintenance(app: App, window: Maintenance | None) -> None:
    if window is not None:
        actions.ask_reason(
            "End the maintenance",
            "Messages are sent again, those held back included.",
            lambda reason: _end(app, reason),
            key="end_maintenance",
            act=Act.MAINTENANCE,
            confirm="End it now",
            icon=":material/notifications_active:",
        )
        return
    hours = st.selectbox(
        "Maintenance",
        _HOURS,
        format_func=lambda n: f"Mute for {text.count(n, 'hour')}",
        key="maintenance_hours",
        label_visibility="collapsed",
        width=180,
    )
    actions.ask_reason(
        "Start maintenance",
        f"Incidents are recorded and no messages are sent for {text.count(hours, 'hour')}; those "
        "held back are sent then.",
        lambda reason: _announce(app, hours, reason),
        key="start_maintenance",
        act=Act.MAINTENANCE,
        confirm="Mute now",
        icon=":material/construction:",
    )


def _announce(app: App, hours: int, reason: str) -> str:
    window = announce(
        app.db,
        duration=timedelta(hours=hours),
        by=context.get_actor(),
        reason=reason,
        now=app.now(),
    )
    return f"No messages until {text.moment(window.until_at)}."


def _end(app: App, reason: str) -> str:
    end_maintenance(app.db, by=context.get_actor(), reason=reason, now=app.now())
    return "Messages are sent again."


def _show_newest(newest: Sequence[Delivery]) -> None:
    tables.show(
        [
            {
                "planned (UTC)": delivery.created_at,
                "incident": delivery.incident_id,
                "channel": delivery.label,
                "state": _STATE[delivery.state],
                "attempts": delivery.n_attempts,
                "done (UTC)": delivery.finished_at,
                "why": delivery.error,
            }
            for delivery in newest
        ],
        key="deliveries",
        alt="The newest messages with their channel, state and receipt",
        limit=5,
        columns={
            "planned (UTC)": tables.time(),
            "incident": tables.whole(),
            "attempts": tables.whole(),
            "done (UTC)": tables.time(),
            "why": tables.wide(),
        },
    )
