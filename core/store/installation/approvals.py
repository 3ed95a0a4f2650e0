"""Approvals: asked for, decided once by another person, and used once."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from core.domain.actor import Act, Approval, ApprovalState
from core.errors import Conflict, NotFound
from core.store.engine import schema

_approvals = schema.approvals

GOOD_FOR = timedelta(hours=24)
"""How long a request waits for its decision, and a decision for its use."""


def append_request(
    conn: sa.Connection,
    *,
    act: Act,
    target: str,
    digest: str,
    reason: str,
    asked_by: str,
    now: datetime,
) -> int:
    """Record a request and return its number."""
    result = conn.execute(
        _approvals.insert()
        .values(
            act=act.value,
            target=target,
            digest=digest,
            reason=reason,
            asked_by=asked_by,
            asked_at=now,
            state=ApprovalState.WAITING.value,
        )
        .returning(_approvals.c.id)
    )
    return int(result.scalar_one())


def find_newest(conn: sa.Connection, digest: str, asked_by: str, now: datetime) -> Approval | None:
    """Return a person's newest request for exactly this that is still good, or None."""
    query = (
        sa.select(_approvals)
        .where(
            _approvals.c.digest == digest,
            _approvals.c.asked_by == asked_by,
            _approvals.c.asked_at > now - 2 * GOOD_FOR,
        )
        .order_by(_approvals.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    found = None if row is None else _approval(row)
    return found if found is not None and is_good(found, now) else None


def find_last(conn: sa.Connection, act: Act) -> Approval | None:
    """Return the newest request for an act, or None."""
    query = (
        sa.select(_approvals)
        .where(_approvals.c.act == act.value)
        .order_by(_approvals.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _approval(row)


def is_good(approval: Approval, now: datetime) -> bool:
    """Return True while a request may be decided, or its approval be used."""
    since = approval.decided_at or approval.asked_at
    open_ = approval.state in (ApprovalState.WAITING, ApprovalState.APPROVED)
    return open_ and now - since < GOOD_FOR


def get_approval(conn: sa.Connection, number: int) -> Approval:
    """Return a request by its number; raise `NotFound`."""
    row = conn.execute(sa.select(_approvals).where(_approvals.c.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no request {number}: `approvals list` shows those that exist.")
    return _approval(row)


def load_newest(conn: sa.Connection, limit: int = 50) -> list[Approval]:
    """Return the newest requests, newest first."""
    query = sa.select(_approvals).order_by(_approvals.c.id.desc()).limit(limit)
    return [_approval(row) for row in conn.execute(query)]


def set_state(
    conn: sa.Connection,
    number: int,
    before: ApprovalState,
    state: ApprovalState,
    by: str,
    now: datetime,
) -> None:
    """Move a request on; raise `Conflict` where somebody else did so first."""
    values: dict[str, object] = {"state": state.value}
    if state in (ApprovalState.APPROVED, ApprovalState.DECLINED):
        values |= {"decided_by": by, "decided_at": now}
    moved = conn.execute(
        _approvals.update()
        .where(_approvals.c.id == number, _approvals.c.state == before.value)
        .values(**values)
    )
    if moved.rowcount == 0:
        raise Conflict(f"Somebody else decided request {number} first: nothing was changed.")


def _approval(row: Any) -> Approval:
    return Approval(
        id=row.id,
        act=Act(row.act),
        target=row.target,
        digest=row.digest,
        reason=row.reason,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        state=ApprovalState(row.state),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
