"""The second person's answer to a request."""

from datetime import datetime

from core.audit.attempt import Forbidden, attempt, describe_role
from core.domain.actor import Act, Actor, Approval, ApprovalState, Decider
from core.errors import Conflict, Refused
from core.store.engine.database import Database
from core.store.installation import approvals


def decide(
    db: Database, number: int, state: ApprovalState, *, by: Actor, now: datetime, reason: str = ""
) -> Approval:
    """Approve or decline a request, and return it. Raises `NotFound`, `Refused` for one's own
    request or an act that is not in one's role, `Conflict` for one that was decided or is too
    old."""
    with db.read() as conn:
        asked = approvals.get_approval(conn, number)
    target = f"request {number}: {asked.act} {asked.target}"
    with attempt(db, by, Act.APPROVE, target, now=now, reason=reason) as tried:
        if asked.asked_by == by.name:
            raise Refused(f"Request {number} is your own: another person has to decide it.")
        if not by.may(asked.act):
            raise Forbidden(describe_role(by, asked.act))
        if asked.state is not ApprovalState.WAITING or not approvals.is_good(asked, now):
            said = "too old" if asked.state is ApprovalState.WAITING else asked.state.value
            raise Conflict(f"Request {number} is {said}: ask for it again.")
        with tried.write() as conn:
            waiting = ApprovalState.WAITING
            approvals.set_state(conn, number, waiting, state, by.name, now)
            tried.note(before=waiting.value, after=state.value)
            tried.seal(Decider.APPROVALS, number)
            return approvals.get_approval(conn, number)
