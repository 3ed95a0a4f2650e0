"""A fresh release that turns critical is rolled back once, and the incident says so."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from threading import Barrier
from unittest.mock import patch

import pytest

from core.alerts.auto_rollback import mend
from core.alerts.rules import RESOLVE_AFTER, Finding
from core.deployment.release import deploy
from core.domain.deployment import Action
from core.domain.incident import EventKind
from core.domain.monitoring import Health
from core.errors import Unavailable
from core.store.engine.database import Database
from core.store.models import deployments
from core.store.monitoring import incidents
from tests.alerts.seeing import see
from tests.fakes import FakeArtifact, FakeRegistry, add_version
from tests.streams import DAY, HOUR, MINUTE, NOON

BAD = Finding("error_rate", Health.CRITICAL, "40 % of the requests failed.")


@pytest.fixture
def registry(db: Database) -> FakeRegistry:
    """v1 served for a week before v2 was deployed at noon."""
    fake = FakeRegistry()
    for number, at in ((1, NOON - 7 * DAY), (2, NOON)):
        add_version(db, fake)
        release(db, fake, number, at)
    return fake


def release(db: Database, fake: FakeRegistry, number: int, at: datetime) -> None:
    deploy(db, fake, number, reason="r", by="ada", override=True, now=at)  # type: ignore[arg-type]


def run(db: Database, fake: FakeRegistry, now: datetime) -> str | None:
    return mend(db, fake, baking=DAY, now=now)  # type: ignore[arg-type]


def champion(db: Database) -> int:
    with db.read() as conn:
        current = deployments.find_current(conn)
    assert current is not None
    return current.plan.champion


def test_a_critical_incident_within_the_baking_time_rolls_back_and_says_so(
    db: Database, registry: FakeRegistry
) -> None:
    see(db, [BAD], NOON + HOUR)
    message = run(db, registry, NOON + HOUR)
    assert message == (
        "Rolled back from v2 to v1 (revision 3), since this began within the baking time of v2."
    )
    assert champion(db) == 1
    with db.read() as conn:
        (incident,) = incidents.load_unresolved(conn)
        row = deployments.find_current(conn)
    assert incident.events[-1].kind is EventKind.MENDED
    assert row is not None
    assert (row.action, row.by) == (Action.ROLLBACK, "plumbline")
    assert "incident 1 within the baking time: 40 % of the requests failed" in row.reason


def test_a_release_is_rolled_back_once(db: Database, registry: FakeRegistry) -> None:
    see(db, [BAD], NOON + HOUR)
    run(db, registry, NOON + HOUR)
    for minute in range(2, 30):
        assert run(db, registry, NOON + HOUR + minute * MINUTE) is None
    see(db, [Finding("latency", Health.CRITICAL, "slow")], NOON + 2 * HOUR)
    assert run(db, registry, NOON + 2 * HOUR) is None
    assert champion(db) == 1


def test_the_same_version_deployed_anew_is_a_release_of_its_own(
    db: Database, registry: FakeRegistry
) -> None:
    see(db, [BAD], NOON + HOUR)
    run(db, registry, NOON + HOUR)
    good = Finding("error_rate", Health.HEALTHY, "well")
    see(db, [good], NOON + 2 * HOUR)
    see(db, [good], NOON + 2 * HOUR + RESOLVE_AFTER)
    release(db, registry, 2, NOON + 3 * HOUR)
    see(db, [BAD], NOON + 4 * HOUR)
    assert run(db, registry, NOON + 4 * HOUR) is not None
    assert champion(db) == 1


@pytest.mark.parametrize(
    ("finding", "opened", "checked"),
    [
        (Finding("error_rate", Health.WARNING, "m"), HOUR, HOUR),
        (Finding("no_traffic", Health.CRITICAL, "m"), HOUR, HOUR),
        (Finding("notifications", Health.CRITICAL, "m"), HOUR, HOUR),
        (BAD, -HOUR, HOUR),
        (BAD, 25 * HOUR, 25 * HOUR),
    ],
    ids=["a warning", "no traffic", "a channel", "older than the release", "after the baking time"],
)
def test_what_the_release_did_not_cause_leaves_it_alone(
    db: Database,
    registry: FakeRegistry,
    finding: Finding,
    opened: timedelta,
    checked: timedelta,
) -> None:
    see(db, [finding], NOON + opened)
    assert run(db, registry, NOON + checked) is None
    assert champion(db) == 2


def test_a_target_that_does_not_load_leaves_the_release_and_says_why(
    db: Database, registry: FakeRegistry
) -> None:
    registry.artifacts.clear()
    see(db, [BAD], NOON + HOUR)
    message = run(db, registry, NOON + HOUR)
    assert message is not None
    assert message.startswith("v2 could not be rolled back by itself: v1 was not deployed")
    assert champion(db) == 2
    assert run(db, registry, NOON + HOUR + MINUTE) is None


def test_two_workers_at_once_roll_back_once(db: Database, registry: FakeRegistry) -> None:
    """Both read the plan before either changes it: the artifact is checked in between."""
    see(db, [BAD], NOON + HOUR)
    together = Barrier(2, timeout=10)
    verify = FakeArtifact.verify_golden

    def meet(artifact: FakeArtifact) -> None:
        together.wait()
        verify(artifact)

    with (
        patch.object(FakeArtifact, "verify_golden", meet),
        ThreadPoolExecutor(2) as pool,
    ):
        said = list(pool.map(lambda _: run(db, registry, NOON + HOUR), range(2)))
    assert sorted(message is None for message in said) == [False, True]
    with db.read() as conn:
        rows = deployments.load_history(conn)
        (incident,) = incidents.load_unresolved(conn)
    assert [row.action for row in rows] == [Action.DEPLOY, Action.DEPLOY, Action.ROLLBACK]
    assert [event.kind for event in incident.events].count(EventKind.MENDED) == 1


def test_a_release_by_somebody_else_meanwhile_is_left_alone(
    db: Database, registry: FakeRegistry
) -> None:
    add_version(db, registry)
    see(db, [BAD], NOON + HOUR)
    load = registry.load_artifact

    def load_late(artifact_hash: str) -> FakeArtifact:
        registry.load_artifact = load  # type: ignore[method-assign]
        release(db, registry, 3, NOON + HOUR)
        return load(artifact_hash)

    registry.load_artifact = load_late  # type: ignore[method-assign]
    assert run(db, registry, NOON + HOUR) is None
    assert champion(db) == 3
    with db.read() as conn:
        (incident,) = incidents.load_unresolved(conn)
    assert incident.events[-1].kind is EventKind.OPENED


@pytest.mark.parametrize(("late", "serves"), [(timedelta(0), 1), (timedelta(microseconds=1), 2)])
def test_the_baking_time_ends_with_its_last_moment(
    db: Database, registry: FakeRegistry, late: timedelta, serves: int
) -> None:
    see(db, [BAD], NOON + HOUR)
    run(db, registry, NOON + DAY + late)
    assert champion(db) == serves


def test_a_version_that_is_back_for_the_second_time_goes_to_another(
    db: Database, registry: FakeRegistry
) -> None:
    """v2, v1, v2: what served before the last v2 is v1, and never v2 itself."""
    release(db, registry, 1, NOON + HOUR)
    release(db, registry, 2, NOON + 2 * HOUR)
    see(db, [BAD], NOON + 3 * HOUR)
    run(db, registry, NOON + 3 * HOUR)
    assert champion(db) == 1


def test_a_locked_store_is_tried_again_and_not_given_up(
    db: Database, registry: FakeRegistry
) -> None:
    see(db, [BAD], NOON + HOUR)
    with db.engine.connect() as impatient:  # the pool gives this connection again
        impatient.exec_driver_sql("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(str(db.engine.url.database))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            run(db, registry, NOON + HOUR)
    assert run(db, registry, NOON + HOUR + MINUTE) is not None
    assert champion(db) == 1


def test_the_first_release_has_nothing_to_go_back_to(db: Database) -> None:
    fake = FakeRegistry()
    add_version(db, fake)
    release(db, fake, 1, NOON)
    see(db, [BAD], NOON + HOUR)
    message = "v1 could not be rolled back by itself: nothing served before it."
    assert run(db, fake, NOON + HOUR) == message
