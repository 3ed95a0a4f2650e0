"""What callers got and no log has is added up, whoever counts, and forgets addresses."""

from datetime import timedelta

from core.domain.monitoring import Unanswered
from core.domain.prediction import AnswerSource
from core.store.engine.database import Database
from core.store.predictions.unanswered import (
    add_unanswered,
    find_last_at,
    fold_unanswered,
    load_unanswered,
)
from tests.streams import DAY, HOUR, MINUTE, NOON


def refused(n: int, caller: str = "key 3", at: timedelta = timedelta(0), **more: str) -> Unanswered:
    """Requests that had no key, at so long after noon."""
    values = {"route": "single", "cause": "unknown_key", **more}
    return Unanswered(NOON + at, values["route"], AnswerSource.REFUSED, values["cause"], caller, n)


def load(db: Database) -> list[Unanswered]:
    with db.read() as conn:
        return load_unanswered(conn, NOON - DAY, NOON + DAY)


def add(db: Database, *counts: Unanswered) -> None:
    with db.write() as conn:
        add_unanswered(conn, counts)


def test_processes_add_to_the_same_minute(db: Database) -> None:
    add(db, refused(2), refused(1, at=MINUTE))
    add(db, refused(3), refused(4, cause="invalid"), refused(1, "10.0.0.7"))
    add(db)
    assert load(db) == [
        refused(4, cause="invalid"),
        refused(1, "10.0.0.7"),
        refused(5),
        refused(1, at=MINUTE),
    ]


def test_hours_of_before_are_added_up_without_the_addresses_of_their_callers(db: Database) -> None:
    add(
        db,
        *(refused(n, at=n * MINUTE) for n in range(1, 4)),
        refused(7),
        refused(10, "10.0.0.7"),
        refused(20, "10.0.0.8", 5 * MINUTE),
        refused(1, "10.0.0.9", HOUR + MINUTE),
    )
    for _ in range(2):  # what is folded stays as it is
        with db.write() as conn:
            fold_unanswered(conn, NOON + HOUR + 2 * MINUTE)
        assert load(db) == [
            refused(30, ""),
            refused(13),
            refused(1, "10.0.0.9", HOUR + MINUTE),
        ]


def test_only_requests_for_predictions_say_when_one_came_last(db: Database) -> None:
    add(db, refused(1, at=MINUTE), refused(1, at=HOUR, route="feedback"))
    with db.read() as conn:
        assert find_last_at(conn) == NOON + MINUTE
