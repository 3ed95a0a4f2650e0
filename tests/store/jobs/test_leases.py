"""Leases: one holder at a time, whoever asks and whenever."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from core.domain.job import Lease
from core.store.engine.database import Database
from core.store.jobs.schedule import claim_lease, find_lease, release_lease

Clock = Callable[[], datetime]

MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)


def claim(db: Database, holder: str, at: datetime) -> bool:
    with db.write() as conn:
        return claim_lease(conn, "scheduler", holder, MINUTE, at)


def find(db: Database) -> Lease | None:
    with db.read() as conn:
        return find_lease(conn, "scheduler")


def test_a_free_lease_is_taken(db: Database, now: Clock) -> None:
    assert find(db) is None
    assert claim(db, "a", now())
    assert find(db) == Lease("scheduler", "a", acquired_at=now(), expires_at=now() + MINUTE)


def test_a_lease_is_refused_to_others_until_it_expires(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    assert not claim(db, "b", now())
    assert not claim(db, "b", now() + MINUTE - MOMENT)
    assert find(db) == Lease("scheduler", "a", acquired_at=now(), expires_at=now() + MINUTE)


def test_an_expired_lease_is_taken_over(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    later = now() + MINUTE
    assert claim(db, "b", later)
    assert find(db) == Lease("scheduler", "b", acquired_at=later, expires_at=later + MINUTE)


def test_the_one_who_lost_a_lease_is_told(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    claim(db, "b", now() + MINUTE)
    assert not claim(db, "a", now() + MINUTE + MOMENT)


def test_a_holder_prolongs_its_lease_and_keeps_its_beginning(db: Database, now: Clock) -> None:
    claim(db, "a", now())
    later = now() + MINUTE / 2
    assert claim(db, "a", later)
    assert find(db) == Lease("scheduler", "a", acquired_at=now(), expires_at=later + MINUTE)


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
        assert claim_lease(conn, "mlflow", "b", MINUTE, now())
        release_lease(conn, "mlflow", "b")
    assert not claim(db, "b", now())


def test_of_many_that_ask_at_once_exactly_one_holds_it(db: Database, now: Clock) -> None:
    with ThreadPoolExecutor(8) as pool:
        for term in range(5):  # free at first, then expired
            at = now() + term * MINUTE
            holders = [f"{term}:{number}" for number in range(8)]
            taken = list(pool.map(lambda holder, at=at: claim(db, holder, at), holders))
            assert taken.count(True) == 1
            lease = find(db)
            assert lease is not None
            assert lease.holder == holders[taken.index(True)]
