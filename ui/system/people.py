"""People on the screen: who you are, whose login lives, and what waits for a second person."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from core import text
from core.audit.approvals import decide
from core.bootstrap import App
from core.domain.actor import Act, Approval, ApprovalState
from core.domain.installation import Session
from core.login.sessions import end_session, list_live
from core.store.installation import approvals
from ui import st
from ui.common import actions, context, tables
from ui.markup import Markdown

_STATES = {ApprovalState.APPROVED: "approved", ApprovalState.DECLINED: "declined"}


def show(app: App, logins: Sequence[Session]) -> None:
    """Show the person and the role; to admins, also the logins that live."""
    by = context.get_actor()
    st.markdown(Markdown("You are **{}**, {}.").format(by.name, by.role))
    if not context.login_is_set_up():
        st.caption("Without a login, whoever reaches this page acts as this person.")
        return
    if not app.settings.roles:
        st.warning(
            "Everybody who may log in is admin: set PLUMBLINE_ROLES.",
            icon=":material/admin_panel_settings:",
        )
    else:
        st.caption("Roles are given in PLUMBLINE_ROLES.")
    live = list_live(logins, app.settings, app.now())
    if context.find_refusal(Act.SESSION) is None:
        _show_logins(app, live)


def show_approvals(app: App, found: Sequence[Approval], now: datetime) -> None:
    """Show the requests that wait, each with the buttons that decide it."""
    waiting = [
        asked
        for asked in found
        if asked.state is ApprovalState.WAITING and approvals.is_good(asked, now)
    ]
    if not waiting:
        acts = ", ".join(app.settings.approvals)
        st.caption(
            f"Nothing waits. A second person approves: {acts}."
            if acts
            else "No act needs a second person: PLUMBLINE_APPROVALS names those that do."
        )
    for asked in waiting:
        with st.container(border=True):
            st.markdown(
                Markdown("**{}** {}  \n:gray[Request {} by {}, {}]").format(
                    asked.act, asked.target, asked.id, asked.asked_by, text.ago(asked.asked_at, now)
                )
            )
            st.markdown(f"Reason: {asked.reason or 'none given'}")
            with st.container(horizontal=True):
                _offer_decision(app, asked, ApprovalState.APPROVED)
                _offer_decision(app, asked, ApprovalState.DECLINED)


def _offer_decision(app: App, asked: Approval, state: ApprovalState) -> None:
    approves = state is ApprovalState.APPROVED
    own = asked.asked_by == context.get_actor().name
    actions.ask_reason(
        "Approve" if approves else "Decline",
        "Whoever asked can then do exactly this once, within 24 hours."
        if approves
        else "Nothing is done.",
        lambda reason: _decide(app, asked.id, state, reason),
        key=f"{'approve' if approves else 'decline'}_{asked.id}",
        act=Act.APPROVE,
        icon=":material/check:" if approves else ":material/close:",
        refusal="Another person has to decide it." if own else context.find_refusal(asked.act),
    )


def _decide(app: App, number: int, state: ApprovalState, reason: str) -> str:
    decide(app.db, number, state, by=context.get_actor(), now=app.now(), reason=reason)
    return f"Request {number} is {_STATES[state]}."


def _show_logins(app: App, live: Sequence[Session]) -> None:
    tables.show(
        [
            {
                "login": login.id,
                "who": login.email,
                "from": login.place,
                "since (UTC)": login.started_at,
                "seen (UTC)": login.seen_at,
            }
            for login in live
        ],
        key="logins",
        alt="Logins that live, with who and from where",
        limit=5,
        columns={
            "login": tables.whole(),
            "since (UTC)": tables.time(),
            "seen (UTC)": tables.time(),
        },
    )
    by_id = {login.id: login for login in live}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Login",
            list(by_id),
            format_func=lambda number: f"{number}: {by_id[number].email}",
            key="login",
            width=300,
        )
        if chosen is not None:
            actions.confirm(
                "End the login",
                Markdown("**{}** has to log in again.").format(by_id[chosen].email),
                partial(_end, app, chosen),
                key="end_login",
                act=Act.SESSION,
                confirm="End it now",
                icon=":material/logout:",
            )


def _end(app: App, number: int) -> str:
    ended = end_session(app.db, number, by=context.get_actor(), now=app.now())
    return f"Login {number} of {ended.email} has ended."
