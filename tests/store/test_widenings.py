"""What is in force for a version's intervals is the newest row of that version."""

from dataclasses import replace
from datetime import timedelta

from core.domain.widening import Widening
from core.store import widenings
from core.store.database import Database
from tests.store.test_versions import Now


def test_the_newest_of_a_version_is_in_force(db: Database, now: Now) -> None:
    first = Widening(7, now(), 1.4, 300, 243, since_at=now())
    later = replace(first, at=now() + timedelta(hours=1), factor=1.0, since_at=None)
    with db.write() as conn:
        assert widenings.find_widening(conn, 7) is None
        assert widenings.find_factor(conn, 7) == 1.0
        widenings.append_widening(conn, first)
        widenings.append_widening(conn, replace(first, version=8, factor=2.0))
        assert widenings.find_widening(conn, 7) == first
        assert widenings.find_factor(conn, 7) == 1.4
        widenings.append_widening(conn, later)
        assert widenings.find_widening(conn, 7) == later
        assert widenings.find_factor(conn, 8) == 2.0
