"""Sources: one attempt at a time can save how far it is, and what it saved comes back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.domain.sample import Rejection
from core.domain.source import CollectionOutcome, MappingChange, Place, Reading, Source, Watermark
from core.errors import Conflict
from core.store.data import sources
from core.store.engine.database import Database

Clock = Callable[[], datetime]
MAPPING: dict[str, object] = {"table": "ratings", "features": ["length"]}


def begin(db: Database, now: Clock, mapping: dict[str, object] = MAPPING) -> Source:
    with db.write() as conn:
        return sources.begin_attempt(conn, "supabase:ratings", mapping, now())


def save(db: Database, source: Source) -> None:
    with db.write() as conn:
        sources.save_source(conn, source)


def find(db: Database) -> Source | None:
    with db.read() as conn:
        return sources.find_source(conn, "supabase:ratings")


def make_reading(now: Clock) -> Reading:
    return Reading(
        begun_at=now(),
        days=None,
        limit=5,
        advances=True,
        from_written="2026-02-01T00:00:00.123456+00:00",
        from_after=Place(None, "b"),
        collection_id=3,
        n_counted=5,
        rejected=(Rejection(2, "target 'y' is missing", "target_missing"),),
        after=Place("2026-02-02T00:00:00+00:00", 9_007_199_254_740_993),
    )


def test_a_source_that_was_never_attempted_is_not_there(db: Database) -> None:
    assert find(db) is None


def test_what_is_saved_comes_back_whole(db: Database, now: Clock) -> None:
    source = replace(
        begin(db, now),
        finished_at=now(),
        watermark=Watermark(now(), Place("2026-02-01T00:00:00+00:00", 7)),
        reading=make_reading(now),
        outcome=CollectionOutcome.FAILED,
        message="It does not answer.",
        n_received=5,
        n_new=4,
    )
    save(db, source)
    assert find(db) == source
    with db.read() as conn:
        assert sources.load_sources(conn) == [source]


def test_a_later_attempt_goes_on_with_the_reading_of_the_one_before(
    db: Database, now: Clock
) -> None:
    first = replace(begin(db, now), reading=make_reading(now), watermark=Watermark(now()))
    save(db, first)
    second = begin(db, lambda: now() + timedelta(hours=1))
    assert (second.attempt, second.reading) == (2, first.reading)
    assert second.watermark == first.watermark
    assert second.started_at == now() + timedelta(hours=1)


def test_an_attempt_that_was_overtaken_saves_nothing(db: Database, now: Clock) -> None:
    first = begin(db, now)
    second = begin(db, now)
    with pytest.raises(Conflict, match="begun to collect 'supabase:ratings'"):
        save(db, replace(first, message="mine"))
    save(db, replace(second, message="yours"))
    found = find(db)
    assert found is not None
    assert found.message == "yours"


def test_another_mapping_forgets_how_far_it_was(db: Database, now: Clock) -> None:
    save(db, replace(begin(db, now), reading=make_reading(now), watermark=Watermark(now())))
    source = begin(db, now, {**MAPPING, "features": ["width"]})
    assert (source.watermark, source.reading) == (None, None)
    assert source.mapping == {**MAPPING, "features": ["width"]}


def test_the_newest_mapping_of_each_table_counts(db: Database, now: Clock) -> None:
    changes = [
        MappingChange("b", {"table": "b"}, now(), "ada", "ratings"),
        MappingChange("a", {"table": "a", "target": "x"}, now(), "ada", "ratings"),
        MappingChange("a", {"table": "a", "target": "y"}, now(), "grace", "the right column"),
        MappingChange("b", None, now(), "grace", "not ours"),
    ]
    with db.write() as conn:
        for change in changes:
            sources.append_mapping(conn, change)
    with db.read() as conn:
        assert sources.load_mappings(conn) == [changes[2], changes[3]]
