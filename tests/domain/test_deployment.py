"""Which version still scores beside the one that has replaced it, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.deployment import Action, Deployment, Plan, Retired, find_retired

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def build(*rows: tuple[Action, Plan]) -> list[Deployment]:
    """A row an hour."""
    return [
        Deployment(i + 1, NOON + timedelta(hours=i), "ada", action, "why", plan, False, {})
        for i, (action, plan) in enumerate(rows)
    ]


FIRST = (Action.DEPLOY, Plan(1))
SECOND = (Action.DEPLOY, Plan(2))
TRIAL = (Action.START_TRIAL, Plan(1, 2, 0.1, "x", "salt"))
LATER = NOON + timedelta(days=1)


@pytest.mark.parametrize(
    ("rows", "revision"),
    [
        ((FIRST, SECOND), 2),
        ((FIRST, TRIAL, (Action.PROMOTE, Plan(2))), 3),
        ((FIRST, SECOND, (Action.START_TRIAL, Plan(2, 3, 0.1)), (Action.STOP_TRIAL, Plan(2))), 2),
    ],
    ids=["deployed", "promoted", "a stopped trial in between"],
)
def test_what_was_replaced_scores_for_fourteen_days(
    rows: tuple[tuple[Action, Plan], ...], revision: int
) -> None:
    history = build(*rows)
    since_at = NOON + timedelta(hours=revision - 1)
    until_at = since_at + timedelta(days=14)
    assert find_retired(history, LATER) == Retired(1, revision, since_at, until_at)
    assert find_retired(history, until_at) is None


@pytest.mark.parametrize(
    "rows",
    [
        (FIRST,),
        (FIRST, TRIAL),
        (FIRST, SECOND, (Action.ROLLBACK, Plan(1))),
        (FIRST, TRIAL, (Action.STOP_TRIAL, Plan(1))),
        (FIRST, (Action.DEPLOY, Plan(0))),
        ((Action.DEPLOY, Plan(0)), FIRST),
    ],
    ids=["first", "on trial", "rolled back", "stopped", "to the heuristic", "from the heuristic"],
)
def test_nothing_is_asked_beside_where_nothing_was_replaced(
    rows: tuple[tuple[Action, Plan], ...],
) -> None:
    assert find_retired(build(*rows), LATER) is None
