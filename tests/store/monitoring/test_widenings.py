"""What is in force for a version's intervals is the newest row of that version."""

from dataclasses import replace
from datetime import timedelta

from core.domain.version import Widening
from core.store.engine.database import Database
from core.store.monitoring import health
from tests.store.models.test_versions import Now


def test_the_newest_of_a_version_is_in_force(db: Database, now: Now) -> None:
    first = Widening(7, now(), 1.4, 300, 243, since_at=now())
    later = replace(first, at=now() + timedelta(hours=1), factor=1.0, since_at=None)
    with db.write() as conn:
        assert health.find_widening(conn, 7) is None
        assert health.find_factor(conn, 7) == 1.0
        health.append_widening(conn, first)
        health.append_widening(conn, replace(first, version=8, factor=2.0))
        assert health.find_widening(conn, 7) == first
        assert health.find_factor(conn, 7) == 1.4
        health.append_widening(conn, later)
        assert health.find_widening(conn, 7) == later
        assert health.find_factor(conn, 8) == 2.0
