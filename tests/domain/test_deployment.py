"""A release bakes after a deployment or promotion, and names what a rollback leads to."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.deployment import Action, Deployment, Plan, Release, find_release

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BAKING = timedelta(days=1)


def build(*rows: tuple[Action, Plan]) -> list[Deployment]:
    """A row an hour."""
    return [
        Deployment(i + 1, NOON + timedelta(hours=i), "ada", action, "why", plan, False, {})
        for i, (action, plan) in enumerate(rows)
    ]


FIRST = (Action.DEPLOY, Plan(1))
SECOND = (Action.DEPLOY, Plan(2))
TRIAL = (Action.START_TRIAL, Plan(1, 2, 0.1, "x", "salt"))
LATER = NOON + timedelta(hours=12)


@pytest.mark.parametrize(
    ("rows", "place", "before"),
    [
        ((FIRST,), 0, None),
        ((FIRST, SECOND), 1, 1),
        ((FIRST, TRIAL, (Action.PROMOTE, Plan(2))), 2, 1),
        ((FIRST, SECOND, (Action.START_TRIAL, Plan(2, 3, 0.1))), 1, 1),
        (
            (FIRST, SECOND, (Action.START_TRIAL, Plan(2, 3, 0.1)), (Action.STOP_TRIAL, Plan(2))),
            1,
            1,
        ),
        ((FIRST, SECOND, FIRST, SECOND), 3, 1),
        ((FIRST, SECOND, (Action.ROLLBACK, Plan(1)), (Action.DEPLOY, Plan(3))), 3, 1),
    ],
    ids=[
        "first",
        "deployed",
        "promoted",
        "in a trial",
        "after a trial",
        "again",
        "after a rollback",
    ],
)
def test_a_release_bakes_until_its_time_has_passed(
    rows: tuple[tuple[Action, Plan], ...], place: int, before: int | None
) -> None:
    history = build(*rows)
    until_at = history[place].at + BAKING
    release = Release(history[place], before, until_at)
    assert find_release(history, LATER, BAKING) == release
    assert find_release(history, until_at, BAKING) == release
    assert find_release(history, until_at + timedelta(microseconds=1), BAKING) is None


@pytest.mark.parametrize(
    "rows",
    [(), (FIRST, SECOND, (Action.ROLLBACK, Plan(1)))],
    ids=["nothing", "rolled back"],
)
def test_nothing_bakes_without_a_release(rows: tuple[tuple[Action, Plan], ...]) -> None:
    assert find_release(build(*rows), LATER, BAKING) is None


def test_nothing_bakes_where_there_is_no_automatic_rollback() -> None:
    assert find_release(build(FIRST, SECOND), NOON + timedelta(hours=1), timedelta()) is None
