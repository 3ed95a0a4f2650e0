"""Leases: one holder at a time, whoever asks, whenever, and whatever the clocks say."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from core.domain.job import LEASE_DURATION, Lease
from core.store.engine.database import Database
from core.store.jobs.schedule import claim_lease, find_lease, release_lease

Clock = Callable[[], datetime]

YEAR = timedelta(days=365)


def claim(db: Database, holder: str, at: datetime, stale: Lease | None = None) -> bool:
    with db.write() as conn:
        return claim_lease(conn, "scheduler", holder, at, stale=stale).holder == holder


def find(db: Database) -> Lease | None:
    with db.read() as conn:
        return find_lease(conn, "scheduler")


def lease(holder: str, acquired_at: datetime, renewed_at: datetime, n_renewals: int) -> Lease:
    return Lease("scheduler", holder, acquired_at, renewed_at + LEASE_DURATION, n_renewals)


def test_a_free_lease_is_taken(db: Database, now: Clock) -> None:
    assert find(db) is None
    assert claim(db, "a", now())
    assert find(db) == lease("a", now(), now(), 0)


@pytest.mark.parametrize("later", [timedelta(0), LEASE_DURATION, YEAR, -YEAR])
def test_no_clock_takes_a_lease_from_its_holder(db: Database, now: Clock, later: timedelta) -> None:
    claim(db, "a", now())
    assert not claim(db, "b", now() + later)
    assert find(db) == lease("a", now(), now(), 0)


def test_a_lease_that_was_seen_unchanged_is_taken_over(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    assert claim(db, "b", now() - YEAR, stale=find(db))
    assert find(db) == lease("b", now() - YEAR, now() - YEAR, 1)
    assert not claim(db, "a", now())


def test_a_renewal_at_the_same_moment_of_a_clock_that_stands_still_is_seen(
    db: Database, now: Clock
) -> None:
    claim(db, "a", now())
    seen = find(db)
    assert claim(db, "a", now())
    assert find(db) == lease("a", now(), now(), 1)
    assert not claim(db, "b", now(), stale=seen)


def test_a_holder_prolongs_its_lease_and_keeps_its_beginning(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    later = now() + LEASE_DURATION / 2
    assert claim(db, "a", later)
    assert find(db) == lease("a", now(), later, 1)


def test_a_lease_that_was_given_back_is_free_at_once(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    with db.write() as conn:
        release_lease(conn, "scheduler", "a")
    assert find(db) is None
    assert claim(db, "b", now())


def test_nobody_gives_back_what_another_holds(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    with db.write() as conn:
        release_lease(conn, "scheduler", "b")
    assert not claim(db, "b", now())


def test_leases_of_other_names_do_not_matter(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    with db.write() as conn:
        assert claim_lease(conn, "mlflow", "b", now()).holder == "b"
        release_lease(conn, "mlflow", "b")
    assert not claim(db, "b", now())


def test_of_many_that_ask_at_once_exactly_one_holds_it(db: Database, now: Clock) -> None:
    with ThreadPoolExecutor(8) as pool:
        for term in range(5):  # free at first, then seen unchanged by all
            stale, holders = find(db), [f"{term}:{number}" for number in range(8)]
            taken = list(pool.map(lambda name, was=stale: claim(db, name, now(), was), holders))
            assert taken.count(True) == 1
            held = find(db)
            assert held is not None
            assert held.holder == holders[taken.index(True)]


@pytest.mark.parametrize(
    ("later", "live"),
    [
        (timedelta(0), True),
        (LEASE_DURATION, False),
        (timedelta(hours=-3), False),  # set back: until then it would look alive
        (timedelta(days=120), False),
    ],
)
def test_a_lease_is_shown_as_live_while_its_renewals_are_recent(
    now: Clock, later: timedelta, live: bool
) -> None:
    assert lease("a", now(), now(), 0).is_live(now() + later) is live
