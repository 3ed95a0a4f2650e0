"""Incidents on the screen: open ones with their actions, and past ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from core import text
from core.alerts import incidents as alerts
from core.alerts.incident_context import Context, Remedy, load_context
from core.bootstrap import App
from core.deployment import release
from core.domain.actor import Act
from core.domain.incident import DeliveryState, EventKind, Incident, IncidentStatus, describe_cause
from core.domain.monitoring import Health
from core.domain.version import HEURISTIC, version_name
from core.store.monitoring import deliveries
from core.store.monitoring import incidents as incident_rows
from core.watching import start_app_retraining
from ui import st
from ui.common import actions, context, pages, status, tables
from ui.markup import Markdown

_STATUS = {
    IncidentStatus.PENDING: Markdown(":gray-badge[:material/hourglass_top: Pending]"),
    IncidentStatus.OPEN: Markdown(":red-badge[:material/notifications_active: Open]"),
    IncidentStatus.ACKNOWLEDGED: Markdown(":blue-badge[:material/person_check: Acknowledged]"),
    IncidentStatus.SNOOZED: Markdown(":gray-badge[:material/snooze: Snoozed]"),
    IncidentStatus.RESOLVED: Markdown(":green-badge[:material/check_circle: Resolved]"),
}
_SNOOZE_HOURS = 4


def show_short(found: Sequence[Incident], now: datetime) -> None:
    """Show the open incidents, a line each, and a link to their actions."""
    for incident in found:
        st.markdown(
            Markdown("{} {} {} :gray[opened {}]").format(
                status.inline(incident.severity),
                _STATUS[incident.status_at(now)],
                incident.message,
                text.ago(incident.opened_at, now),
            )
        )
    if found:
        pages.link("monitoring", "Handle incidents")


def show_open(app: App, found: Sequence[Incident], now: datetime) -> None:
    """Show the open incidents with their actions: the worst first, pending ones last."""
    for incident in sorted(found, key=_rank):
        with st.container(border=True):
            st.markdown(
                Markdown("{} {} **{}**  \n:gray[Incident {} · {} · opened {}]").format(
                    status.inline(incident.severity),
                    _STATUS[incident.status_at(now)],
                    incident.message,
                    incident.id,
                    describe_cause(incident.cause),
                    text.moment_ago(incident.opened_at, now),
                )
            )
            if incident.status is IncidentStatus.PENDING:
                st.caption("Seen once: no message is sent before a second check.")
            known = _load_context(app, incident)
            for sentence in known.tell():
                st.markdown(Markdown("- {}").format(sentence))
            _show_timeline(app, incident)
            with st.container(horizontal=True):
                current = incident.status_at(now)
                _offer_remedy(app, incident, known.remedy)
                if current is IncidentStatus.OPEN:
                    _offer_acknowledge(app, incident)
                if current is not IncidentStatus.SNOOZED:
                    _offer_snooze(app, incident)
                _offer_resolve(app, incident)


def show_past(found: Sequence[Incident]) -> None:
    """The incidents that ended, newest first."""
    if not found:
        st.caption(
            "No past incident. One opens when accuracy, latency, errors, fallback or traffic go "
            "wrong."
        )
        return
    tables.show(
        [
            {
                "incident": incident.id,
                "cause": describe_cause(incident.cause),
                "worst": status.name(incident.worst),
                "opened (UTC)": incident.opened_at,
                "resolved (UTC)": incident.resolved_at,
                "by": incident.resolution.by if incident.resolution else None,
                "judged": incident.judgement.value if incident.judgement else None,
                "message": incident.message,
            }
            for incident in found
        ],
        key="past_incidents",
        alt="Incidents that ended, newest first",
        columns={
            "incident": tables.whole(),
            "opened (UTC)": tables.time(),
            "resolved (UTC)": tables.time(),
            "message": tables.wide(),
        },
    )


def _load_context(app: App, incident: Incident) -> Context:
    with app.db.read() as conn:
        return load_context(conn, incident)


def _rank(incident: Incident) -> tuple[bool, bool]:
    return not incident.was_opened, incident.severity is not Health.CRITICAL


def lasts(incident: Incident) -> bool:
    """Return True if the incident is not over."""
    return incident.status is not IncidentStatus.RESOLVED


def _show_timeline(app: App, incident: Incident) -> None:
    with app.db.read() as conn:
        told = deliveries.load_of_incidents(conn, [incident.id])
    n_told = sum(delivery.state is DeliveryState.SENT for delivery in told)
    head = f"{text.count(len(incident.events), 'event')}, {text.count(n_told, 'message')} sent"
    with st.expander(head, key=f"timeline_{incident.id}"):
        for event in incident.events:
            until = f", until {text.moment(event.until_at)}" if event.until_at else ""
            st.markdown(
                Markdown("- {}: **{}** by {}{}: {}").format(
                    text.moment(event.at), event.kind.value, event.by, until, event.message
                )
            )
        for delivery in told:
            why = f": {delivery.error}" if delivery.error else ""
            st.markdown(
                Markdown("- to {}: **{}**{}").format(delivery.label, delivery.state.value, why)
            )


def _offer_remedy(app: App, incident: Incident, remedy: Remedy) -> None:
    """Show the button of the remedy, if there is one."""
    offer = _OFFERS.get(remedy)
    if offer is None:
        return
    actions.ask_reason(
        offer.label,
        offer.explanation,
        lambda why: offer.work(app, f"Incident {incident.id}: {why}"),
        key=f"mend_{incident.id}",
        act=offer.act,
        confirm=f"{offer.label} now",
        icon=offer.icon,
        primary=remedy is not Remedy.RETRAIN,  # what is to be asked of people comes first
    )


def _roll_back(app: App, reason: str) -> str:
    by = context.get_actor()
    row = release.rollback(app.db, app.registry, None, reason=reason, by=by, now=app.now())
    return f"Rolled back to {version_name(row.plan.champion)} (revision {row.revision})."


def _run_heuristic(app: App, reason: str) -> str:
    row = release.deploy(
        app.db,
        app.registry,
        HEURISTIC,
        reason=reason,
        by=context.get_actor(),
        override=False,
        now=app.now(),
    )
    return f"The heuristic answers (revision {row.revision})."


def _retrain(app: App, reason: str) -> str:
    decision = start_app_retraining(app, by=context.get_actor(), reason=reason)
    return f"Job {decision.job_id} trains; the training page shows its progress."


@dataclass(frozen=True, slots=True)
class _Offer:
    """The button of a remedy: its text and its action."""

    label: str
    explanation: str
    icon: str
    act: Act
    work: Callable[[App, str], str]


_OFFERS = {
    Remedy.ROLL_BACK: _Offer(
        "Roll back",
        "The previous version answers from the next request on.",
        ":material/undo:",
        Act.ROLLBACK,
        _roll_back,
    ),
    Remedy.RUN_HEURISTIC: _Offer(
        "Run the heuristic",
        "The heuristic answers instead of the model from the next request on.",
        ":material/function:",
        Act.DEPLOY,
        _run_heuristic,
    ),
    Remedy.RETRAIN: _Offer(
        "Retrain",
        "Trains on everything that is labelled by now. It does not deploy.",
        ":material/model_training:",
        Act.RETRAIN,
        _retrain,
    ),
}


def show_judging(app: App, found: Sequence[Incident]) -> None:
    """Show the share of real incidents by cause, and a form to judge one that ended."""
    with app.db.read() as conn:
        counted = incident_rows.count_judged(conn)
    for cause, kinds in sorted(counted.items()):
        n_real, n_noise = kinds.get(EventKind.REAL, 0), kinds.get(EventKind.NOISE, 0)
        st.caption(
            f"{describe_cause(cause)}: {n_real} of {n_real + n_noise} judged incidents were real."
        )
    waiting = {incident.id: incident for incident in found if incident.judgement is None}
    if not waiting:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Was it real?",
            list(waiting),
            format_func=lambda number: f"{number}: {waiting[number].message}",
            key="judged_incident",
        )
        for label, real in (("Real", True), ("Noise", False)):
            actions.button(
                label,
                partial(_judge, app, chosen, real=real),
                key=f"judge_{label.lower()}",
                act=Act.INCIDENT,
            )


def _judge(app: App, incident_id: int, *, real: bool) -> str:
    alerts.judge(
        app.db, incident_id, real=real, by=context.get_actor(), reason="judged", now=app.now()
    )
    return f"Incident {incident_id} counts as {'real' if real else 'noise'}."


def _offer_acknowledge(app: App, incident: Incident) -> None:
    actions.ask_reason(
        "Acknowledge",
        "Tells others that you are on it. It stays open; no more messages are sent.",
        _work(app, incident, alerts.acknowledge, "acknowledged"),
        key=f"ack_{incident.id}",
        act=Act.INCIDENT,
        confirm="Acknowledge it",
        icon=":material/person_check:",
    )


def _offer_snooze(app: App, incident: Incident) -> None:
    snooze = partial(alerts.snooze, duration=timedelta(hours=_SNOOZE_HOURS))
    actions.ask_reason(
        "Snooze",
        f"No messages for {_SNOOZE_HOURS} hours, unless it gets worse.",
        _work(app, incident, snooze, f"snoozed for {_SNOOZE_HOURS} hours"),
        key=f"snooze_{incident.id}",
        act=Act.INCIDENT,
        confirm=f"Snooze it for {_SNOOZE_HOURS} hours",
        icon=":material/snooze:",
    )


def _offer_resolve(app: App, incident: Incident) -> None:
    actions.ask_reason(
        "Resolve",
        "Ends it by hand. If its cause lasts, a new one opens after an hour, or at once if it "
        "gets worse.",
        _work(app, incident, alerts.resolve, "resolved"),
        key=f"resolve_{incident.id}",
        act=Act.INCIDENT,
        confirm="Resolve it",
        icon=":material/check:",
    )


def _work(
    app: App, incident: Incident, act: Callable[..., object], done: str
) -> Callable[[str], str]:
    def work(reason: str) -> str:
        act(app.db, incident.id, by=context.get_actor(), reason=reason, now=app.now())
        return f"Incident {incident.id} is {done}."

    return work
