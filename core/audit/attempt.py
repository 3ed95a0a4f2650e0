"""An attempt: the only way in which somebody changes something, and the entry that tells of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.audit.chain import BEGINNING, as_json, compute_link, digest_request, hash_row
from core.domain.actor import (
    LEAST_ROLE,
    NEEDS_NO_SECOND,
    PROGRAM,
    Act,
    Actor,
    Approval,
    ApprovalState,
    AuditEntry,
    AuditOutcome,
    Decider,
)
from core.errors import Conflict, Refused
from core.log import get_logger
from core.safety.masking import mask
from core.store.engine.database import Connection, Database
from core.store.installation import approvals, audit
from plumbline.program import name_command

log = get_logger(__name__)

DONE = AuditOutcome.DONE


class Forbidden(Refused):
    """The role of who asked does not cover it."""


class NeedsApproval(Refused):
    """A second person has to approve it; the request waits under `number`."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A row that decides something, as it is now."""

    table: Decider
    number: int
    row_hash: str


@dataclass(slots=True)
class AuditedWrite:
    """Something that an actor does: checks come first, then the one transaction of `write`."""

    db: Database
    by: Actor
    act: Act
    target: str
    reason: str
    now: datetime
    details: Mapping[str, object]
    told: bool = False  # its entry is written
    before: object = None
    after: object = None
    _rows: list[tuple[Decider, int]] = field(default_factory=list)
    _approvals: list[Approval] = field(default_factory=list)

    def escalate(self, act: Act) -> None:
        """Make it another act, which needs more: that has to be covered by the role too, and
        approved besides. Raises `Forbidden` and `NeedsApproval`."""
        self.act = act
        self.permit()

    def permit(self) -> None:
        """Raise `Forbidden` where the role does not cover the act, and `NeedsApproval` until a
        second person, where it needs one, has approved exactly this."""
        if not self.by.may(self.act):
            raise Forbidden(describe_role(self.by, self.act))
        if self.act in self.by.second and self.act not in NEEDS_NO_SECOND:
            digest = digest_request(self.act, self.target, self.details)
            self._approvals.append(_find_approval(self, digest))

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a write transaction which ends with the audit entry of this attempt."""
        with self.db.write() as conn:
            _adopt_rows(self.db, conn, self.now)
            yield conn
            self._use_approvals(conn)
            entries = self._tell(conn)
        self.told = True
        _log(entries)

    def note(self, *, before: object = None, after: object = None, target: str = "") -> None:
        """Keep what it changed: JSON values without secrets."""
        self.before, self.after = as_json(before), as_json(after)
        self.target = target or self.target

    def seal(self, table: Decider, number: int) -> None:
        """Keep the hash of a row of a sealed table which the transaction wrote."""
        self._rows.append((table, number))

    def _tell(self, conn: Connection) -> list[AuditEntry]:
        if not self._rows:
            return [_append(conn, self, DONE)]
        return [
            _append(conn, self, DONE, _seal(conn, table, number)) for table, number in self._rows
        ]

    def _use_approvals(self, conn: Connection) -> None:
        approved, used = ApprovalState.APPROVED, ApprovalState.USED
        for approval in self._approvals:
            approvals.set_state(conn, approval.id, approved, used, self.by.name, self.now)
            self.seal(Decider.APPROVALS, approval.id)


@contextmanager
def attempt(
    db: Database,
    by: Actor,
    act: Act,
    target: str,
    *,
    now: datetime,
    reason: str = "",
    details: Mapping[str, object] | None = None,
) -> Iterator[AuditedWrite]:
    """Let an actor do something to a target, if the role covers it and, where the installation asks
    for that, a second person has approved exactly this (`details` say which).

    An entry tells of it however it ends, refusals inside too. Raises `Forbidden` and
    `NeedsApproval`, which is raised once more until somebody else has decided."""
    tried = AuditedWrite(db, by, act, target, reason, now, details or {})
    try:
        tried.permit()
        yield tried
    except NeedsApproval:
        raise
    except (Refused, Conflict) as error:
        _refuse(tried, error)
        raise
    if not tried.told:
        with tried.write():
            pass


def describe_role(by: Actor, act: Act) -> str:
    """Return the sentence for somebody whose role does not cover an act."""
    if by.acts is not None:
        return f"The key '{by.name}' is not for '{act}': ask for one whose scopes cover it."
    return (
        f"'{act}' needs the role {LEAST_ROLE[act]}, and {by.name} is {by.role}: ask an admin, who "
        "gives roles in PLUMBLINE_ROLES."
    )


def _refuse(tried: AuditedWrite, error: Refused | Conflict) -> None:
    tried.reason = f"{tried.reason}: {error}" if tried.reason else str(error)
    with tried.db.write() as conn:
        _adopt_rows(tried.db, conn, tried.now)
        entry = _append(conn, tried, AuditOutcome.REFUSED)
    _log([entry])
    log.warning("refused", act=tried.act.value, who=tried.by.name, target=tried.target)


def _find_approval(tried: AuditedWrite, digest: str) -> Approval:
    """Return the approval to use; else ask for one and raise `NeedsApproval`."""
    with tried.db.write() as conn:
        found = approvals.find_newest(conn, digest, tried.by.name, tried.now)
        if found is not None and found.state is ApprovalState.APPROVED:
            return found
        number = found.id if found is not None else _ask(tried, conn, digest)
    raise NeedsApproval(
        f"'{tried.act}' of {tried.target} needs a second person: request {number} waits. Once "
        "somebody else has approved it, on the System page or with "
        f"`{name_command(f'approvals approve {number}')}`, do the same again within 24 hours.",
        number,
    )


def _ask(tried: AuditedWrite, conn: Connection, digest: str) -> int:
    _adopt_rows(tried.db, conn, tried.now)
    number = approvals.append_request(
        conn,
        act=tried.act,
        target=tried.target,
        digest=digest,
        reason=tried.reason,
        asked_by=tried.by.name,
        now=tried.now,
    )
    _append(conn, tried, AuditOutcome.WAITING, _seal(conn, Decider.APPROVALS, number))
    return number


def _adopt_rows(db: Database, conn: Connection, now: datetime) -> None:
    """Begin the chain, where it has not begun, with the rows that are older than it."""
    if audit.find_end(conn) is not None:
        return
    _append(conn, AuditedWrite(db, PROGRAM, Act.ADOPT, "audit", "The audit begins.", now, {}), DONE)
    for table in Decider:
        for number, row in audit.stream_rows(conn, table):
            adopted = AuditedWrite(db, PROGRAM, Act.ADOPT, f"{table} {number}", "", now, {})
            _append(conn, adopted, DONE, _Sealed(table, number, hash_row(row)))


def _seal(conn: Connection, table: Decider, number: int) -> _Sealed:
    return _Sealed(table, number, hash_row(audit.read_row(conn, table, number)))


def _append(
    conn: Connection, tried: AuditedWrite, outcome: AuditOutcome, row: _Sealed | None = None
) -> AuditEntry:
    end = audit.find_end(conn)
    last, chain = end if end is not None else (0, BEGINNING)
    entry = AuditEntry(
        id=last + 1,
        at=tried.now,
        by=tried.by.name,
        role=tried.by.role,
        via=tried.by.via,
        place=tried.by.place,
        act=tried.act,
        target=tried.target,
        outcome=outcome,
        reason=mask(tried.reason),
        before=tried.before,
        after=tried.after,
        row_table=None if row is None else row.table,
        row_number=None if row is None else row.number,
        row_hash=None if row is None else row.row_hash,
        chain="",
    )
    linked = replace(entry, chain=compute_link(tried.db.seal, chain, entry))
    audit.append_entry(conn, linked)
    return linked


def _log(entries: Sequence[AuditEntry]) -> None:
    """Say the end of the chain outside the store, where whoever changes the store cannot reach."""
    for entry in entries:
        log.info("audit", entry=entry.id, chain=entry.chain)
