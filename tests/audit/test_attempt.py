"""Whoever changes something is allowed to, is told of, and where asked for has a second person."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.audit.approvals import decide
from core.audit.attempt import Forbidden, NeedsApproval, attempt
from core.domain.actor import (
    LEAST_ROLE,
    Act,
    Actor,
    ApprovalState,
    AuditEntry,
    AuditOutcome,
    Decider,
    Role,
)
from core.domain.installation import SettingChange
from core.errors import Conflict, Refused
from core.store.engine.database import Database
from core.store.installation import audit, setting_changes

ANA = Actor("ana", Role.OPERATOR, "login 1", "127.0.0.1")
BEN = Actor("ben", Role.ADMIN, "login 2", "127.0.0.1")
Now = Callable[[], datetime]


def read(db: Database) -> list[AuditEntry]:
    with db.read() as conn:
        return list(audit.stream_entries(conn))


def change(db: Database, by: Actor, now: datetime, value: str = "5") -> None:
    row = SettingChange("tolerance", value, now, by.name, "a test")
    with (
        attempt(db, by, Act.SETTING, "tolerance", now=now, reason="a test") as act,
        act.write() as conn,
    ):
        act.seal(Decider.SETTING_CHANGES, setting_changes.append_change(conn, row))


@pytest.mark.parametrize("act", list(Act))
@pytest.mark.parametrize("role", list(Role))
def test_an_act_is_done_by_its_least_role_and_above_and_by_nobody_below(
    db: Database, now: Now, act: Act, role: Role
) -> None:
    actor = Actor("ana", role, "login 1")
    if role.covers(LEAST_ROLE[act]):
        with attempt(db, actor, act, "it", now=now()):
            pass
        expected = AuditOutcome.DONE
    else:
        with (
            pytest.raises(Forbidden, match=f"needs the role {LEAST_ROLE[act]}, and ana is {role}"),
            attempt(db, actor, act, "it", now=now()),
        ):
            raise AssertionError("nothing inside may run")
        expected = AuditOutcome.REFUSED
    assert [(entry.act, entry.outcome) for entry in read(db)[1:]] == [(act, expected)]


def test_a_key_is_for_its_acts_alone(db: Database, now: Now) -> None:
    key = Actor("loader", Role.OPERATOR, "key 1", acts=frozenset({Act.COLLECT}))
    with attempt(db, key, Act.COLLECT, "rows", now=now()):
        pass
    with (
        pytest.raises(Forbidden, match="key 'loader' is not for 'deploy'"),
        attempt(db, key, Act.DEPLOY, "v1", now=now()),
    ):
        pass


def test_an_entry_says_who_from_where_what_and_why(db: Database, now: Now) -> None:
    with attempt(db, ANA, Act.DEPLOY, "v1", now=now(), reason="better") as act, act.write():
        act.note(before={"champion": 0}, after={"champion": 1})
    entry = read(db)[-1]
    assert (entry.by, entry.role, entry.via, entry.place) == (
        "ana",
        Role.OPERATOR,
        "login 1",
        "127.0.0.1",
    )
    assert (entry.at, entry.target, entry.reason) == (now(), "v1", "better")
    assert (entry.before, entry.after) == ({"champion": 0}, {"champion": 1})


@pytest.mark.parametrize("error", [Refused("The gate says no."), Conflict("Somebody was first.")])
def test_a_refusal_inside_is_kept_and_nothing_that_was_written_before_it(
    db: Database, now: Now, error: Refused | Conflict
) -> None:
    def change_and_refuse() -> None:
        row = SettingChange("tolerance", "5", now(), "ben", "why")
        with attempt(db, BEN, Act.SETTING, "it", now=now()) as act, act.write() as conn:
            setting_changes.append_change(conn, row)
            raise error

    with pytest.raises(type(error), match=str(error)):
        change_and_refuse()
    entry = read(db)[-1]
    assert (entry.outcome, entry.reason) == (AuditOutcome.REFUSED, str(error))
    with db.read() as conn:
        assert setting_changes.load_values(conn) == {}


def test_what_a_second_person_has_to_approve_waits_and_is_then_done_once(
    db: Database, now: Now
) -> None:
    ana = replace(BEN, name="ana", second=frozenset({Act.SETTING}))
    with pytest.raises(NeedsApproval, match="needs a second person: request 1 waits"):
        change(db, ana, now())
    with pytest.raises(NeedsApproval, match="request 1 waits"):  # asked again: the same request
        change(db, ana, now())
    decide(db, 1, ApprovalState.APPROVED, by=BEN, now=now())
    change(db, ana, now())
    with pytest.raises(NeedsApproval, match="request 2 waits"):
        change(db, ana, now())


def test_nobody_approves_their_own_or_what_they_may_not_do_or_twice(db: Database, now: Now) -> None:
    ana = replace(BEN, name="ana", second=frozenset({Act.SETTING}))
    with pytest.raises(NeedsApproval):
        change(db, ana, now())
    with pytest.raises(Refused, match="your own"):
        decide(db, 1, ApprovalState.APPROVED, by=ana, now=now())
    with pytest.raises(Forbidden, match="'setting' needs the role admin"):
        decide(db, 1, ApprovalState.APPROVED, by=replace(ANA, name="cy"), now=now())
    decide(db, 1, ApprovalState.DECLINED, by=BEN, now=now())
    with pytest.raises(Conflict, match="declined"):
        decide(db, 1, ApprovalState.APPROVED, by=BEN, now=now())


def test_an_approval_is_for_exactly_what_was_asked_for_and_ends_after_a_day(
    db: Database, now: Now
) -> None:
    ana = replace(BEN, name="ana", second=frozenset({Act.ERASE}))

    def erase(row: str, at: datetime) -> None:
        with attempt(db, ana, Act.ERASE, row, now=at, details={"column": "id"}):
            pass

    with pytest.raises(NeedsApproval):
        erase("r1", now())
    decide(db, 1, ApprovalState.APPROVED, by=BEN, now=now())
    with pytest.raises(NeedsApproval, match="request 2"):
        erase("r2", now())
    with pytest.raises(NeedsApproval, match="request 3"):
        erase("r1", now() + timedelta(hours=24))


def test_rolling_back_at_night_waits_for_nobody(db: Database, now: Now) -> None:
    with attempt(db, replace(ANA, second=frozenset(Act)), Act.ROLLBACK, "v1", now=now()):
        pass
    assert read(db)[-1].outcome is AuditOutcome.DONE
