"""Incidents on the screen: what is wrong, since when, and who does something about it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import streamlit as st

from core.alerts import incidents as alerts
from core.bootstrap import App
from core.domain.incident import Incident, IncidentStatus
from ui import actions, context, pages, status, tables, words

_STATUS = {
    IncidentStatus.OPEN: ":red-badge[:material/notifications_active: Open]",
    IncidentStatus.ACKNOWLEDGED: ":blue-badge[:material/person_check: Acknowledged]",
    IncidentStatus.SNOOZED: ":gray-badge[:material/snooze: Snoozed]",
    IncidentStatus.RESOLVED: ":green-badge[:material/check_circle: Resolved]",
}
_SNOOZE_HOURS = 4


def show_short(found: Sequence[Incident], now: datetime) -> None:
    """The incidents that last, a line each, with where to do something about them."""
    for incident in found:
        st.markdown(
            f"{status.inline(incident.severity)} {_STATUS[incident.status_at(now)]} "
            f"{incident.message} :gray[opened {words.ago(incident.opened_at, now)}]"
        )
    if found:
        pages.link("monitoring", "Look after incidents")


def show_open(app: App, found: Sequence[Incident], now: datetime) -> None:
    """The incidents that last, each with what can be done."""
    for incident in found:
        with st.container(border=True):
            st.markdown(
                f"{status.inline(incident.severity)} {_STATUS[incident.status_at(now)]} "
                f"**{incident.message}**  \n"
                f":gray[Incident {incident.id} · {incident.cause.replace('_', ' ')} · opened "
                f"{words.moment_ago(incident.opened_at, now)}]"
            )
            _show_timeline(incident)
            with st.container(horizontal=True):
                current = incident.status_at(now)
                if current is IncidentStatus.OPEN:
                    _offer_acknowledge(app, incident)
                if current is not IncidentStatus.SNOOZED:
                    _offer_snooze(app, incident)
                _offer_resolve(app, incident)


def show_past(found: Sequence[Incident]) -> None:
    """The incidents that ended, newest first."""
    if not found:
        st.caption(
            "No incident is over yet. One opens when accuracy, latency, errors, the share of "
            "fallback answers or the traffic itself go wrong."
        )
        return
    tables.show(
        [
            {
                "incident": incident.id,
                "cause": incident.cause.replace("_", " "),
                "worst": status.name(incident.worst),
                "opened (UTC)": incident.opened_at,
                "resolved (UTC)": incident.resolved_at,
                "by": incident.events[-1].by,
                "what": incident.message,
            }
            for incident in found
        ],
        key="past_incidents",
        alt="Incidents that ended, newest first",
        columns={
            "incident": tables.whole(),
            "opened (UTC)": tables.time(),
            "resolved (UTC)": tables.time(),
            "what": tables.wide(),
        },
    )


def lasts(incident: Incident) -> bool:
    """Whether it is not over."""
    return incident.status is not IncidentStatus.RESOLVED


def _show_timeline(incident: Incident) -> None:
    with st.expander(words.count(len(incident.events), "event"), key=f"timeline_{incident.id}"):
        for event in incident.events:
            until = f", until {words.moment(event.until_at)}" if event.until_at else ""
            st.markdown(
                f"- {words.moment(event.at)}: **{event.kind.value}** by {event.by}{until}: "
                f"{event.message}"
            )


def _offer_acknowledge(app: App, incident: Incident) -> None:
    actions.ask_reason(
        "Acknowledge",
        "Says that you look after it. It stays open, and nobody else is called.",
        _work(app, incident, alerts.acknowledge, "acknowledged"),
        key=f"ack_{incident.id}",
        confirm="Acknowledge it",
        icon=":material/person_check:",
    )


def _offer_snooze(app: App, incident: Incident) -> None:
    snooze = partial(alerts.snooze, duration=timedelta(hours=_SNOOZE_HOURS))
    actions.ask_reason(
        "Snooze",
        f"Keeps it quiet for {_SNOOZE_HOURS} hours. It is still watched, and speaks up if it gets "
        "worse.",
        _work(app, incident, snooze, f"snoozed for {_SNOOZE_HOURS} hours"),
        key=f"snooze_{incident.id}",
        confirm=f"Snooze it for {_SNOOZE_HOURS} hours",
        icon=":material/snooze:",
    )


def _offer_resolve(app: App, incident: Incident) -> None:
    actions.ask_reason(
        "Resolve",
        "Ends it by hand. If what caused it lasts, the next check opens a new one.",
        _work(app, incident, alerts.resolve, "resolved"),
        key=f"resolve_{incident.id}",
        confirm="Resolve it",
        icon=":material/check:",
    )


def _work(
    app: App, incident: Incident, act: Callable[..., object], done: str
) -> Callable[[str], str]:
    def work(reason: str) -> str:
        act(app.db, incident.id, by=context.get_user(), reason=reason, now=app.now())
        return f"Incident {incident.id} is {done}."

    return work
