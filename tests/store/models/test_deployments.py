"""The history of what serves: appended, in order, found by moment."""

from collections.abc import Callable
from datetime import datetime, timedelta

from core.domain.deployment import Action, Deployment, Plan
from core.store.engine.database import Database
from core.store.models import deployments


def _append(db: Database, plan: Plan, now: datetime, **changes: object) -> Deployment:
    values = {
        "action": Action.DEPLOY,
        "reason": "better",
        "by": "ada",
        "override": False,
        "evidence": {},
    }
    with db.write() as conn:
        return deployments.append_deployment(
            conn,
            plan=plan,
            now=now,
            **{**values, **changes},  # type: ignore[arg-type]
        )


def test_an_empty_store_has_no_deployment(db: Database, now: Callable[[], datetime]) -> None:
    with db.read() as conn:
        assert deployments.find_current(conn) is None
        assert deployments.find_current_at(conn, now()) is None
        assert deployments.load_history(conn) == []


def test_a_row_comes_back_as_it_was_appended(db: Database, now: Callable[[], datetime]) -> None:
    plan = Plan(champion=2, challenger=3, traffic=0.1, ab_test="pilot", salt="abc")
    appended = _append(
        db, plan, now(), action=Action.START_TRIAL, override=True, evidence={"mae": {"value": 4.5}}
    )
    assert appended.plan == plan
    assert appended.override is True
    assert appended.evidence == {"mae": {"value": 4.5}}
    with db.read() as conn:
        assert deployments.find_current(conn) == appended


def test_the_newest_row_is_in_force_and_all_are_kept_oldest_first(
    db: Database, now: Callable[[], datetime]
) -> None:
    rows = [_append(db, Plan(champion=number), now()) for number in (1, 2, 1)]
    with db.read() as conn:
        assert deployments.find_current(conn) == rows[2]
        assert deployments.load_history(conn) == rows
    assert [row.revision for row in rows] == [1, 2, 3]


def test_what_was_in_force_at_a_moment_is_the_last_row_until_then(
    db: Database, now: Callable[[], datetime]
) -> None:
    for minutes in (0, 10, 20):
        _append(db, Plan(champion=minutes), now() + timedelta(minutes=minutes))
    with db.read() as conn:
        found = [
            deployments.find_current_at(conn, now() + timedelta(minutes=minutes))
            for minutes in (-1, 0, 9, 10, 30)
        ]
    assert [row.plan.champion if row else None for row in found] == [None, 0, 0, 10, 20]
