"""The rows of API workers: one each, and none for ever."""

from dataclasses import replace
from datetime import timedelta

from core.domain.installation import ApiWorker, StageTime
from core.store.engine.database import Database
from core.store.installation import api_workers
from tests.conftest import NOON

WORKER = ApiWorker(
    name="a:1",
    started_at=NOON,
    at=NOON,
    version="v3",
    n_requests=128,
    measured_at=NOON,
    stages={"parse": StageTime(2, 0.1, 0.2)},
    cache_asked=128,
    cache_found=32,
    scorer="pipeline",
    scorer_reason="its step 'x' has no row scorer",
    n_waiting=3,
)


def test_a_worker_takes_the_place_of_what_it_said_before(db: Database) -> None:
    newer = replace(WORKER, at=NOON + timedelta(minutes=1), n_requests=200)
    other = replace(WORKER, name="a:2")
    with db.write() as conn:
        for said in (WORKER, other, newer):
            api_workers.save_worker(conn, said)
        assert api_workers.load_workers(conn) == [newer, other]


def test_what_was_silent_for_a_day_is_forgotten(db: Database) -> None:
    late = replace(WORKER, name="a:2", at=NOON + timedelta(days=1, seconds=1))
    with db.write() as conn:
        api_workers.save_worker(conn, WORKER)
        api_workers.save_worker(conn, late)
        assert api_workers.load_workers(conn) == [late]
