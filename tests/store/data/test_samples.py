"""Samples: each row once, visible when its collection is finished, never lost between two."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.domain.sample import Collection, Provenance, Rejection, Sample, SampleCounts
from core.errors import Conflict, NotFound
from core.store.data.samples import (
    Replaced,
    append_samples,
    count_repeated_ids,
    count_samples,
    fail_collection,
    find_standing,
    finish_collection,
    get_collection,
    load_by_keys,
    load_collections,
    start_collection,
    stream_pieces,
)
from core.store.engine.database import Database
from tests.store.keys import sample_key, stream_samples

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _sample(number: float = 1.0, **known: object) -> Sample:
    given: dict[str, object] = {
        "source": "file:a",
        "provenance": Provenance.REAL,
        "features": {"a": number, "b": "x", "c": None},
        "target": 50.0,
    }
    return Sample(**{**given, **known})  # type: ignore[arg-type]


def _start(db: Database, source: str = "file:a") -> int:
    with db.write() as conn:
        return start_collection(conn, source, {"target": "y"}, "ada", NOON)


def _append(db: Database, collection_id: int, samples: Sequence[Sample]) -> int:
    with db.write() as conn:
        return append_samples(conn, collection_id, samples)


def _finish(db: Database, collection_id: int, n_new: int, **known: object) -> int:
    given: dict[str, object] = {
        "n_received": n_new,
        "n_duplicate": 0,
        "rejected": [],
        "n_rejected": 0,
        "now": NOON,
    }
    with db.write() as conn:
        return finish_collection(conn, collection_id, n_new=n_new, **{**given, **known})  # type: ignore[arg-type]


def _collect(db: Database, *samples: Sample) -> int:
    collection_id = _start(db)
    n_new = _append(db, collection_id, samples)
    _finish(db, collection_id, n_new)
    return n_new


def _visible(db: Database) -> list[Sample]:
    with db.read() as conn:
        return list(stream_samples(conn))


def _get(db: Database, collection_id: int) -> Collection:
    with db.read() as conn:
        return get_collection(conn, collection_id)


def test_a_row_comes_back_as_it_was_given(db: Database) -> None:
    sample = _sample(
        0.1,
        at=NOON + timedelta(microseconds=7),
        text="a “text”\nof two lines",
        group="g",
        external_id="k",
        target=0.0,
    )
    _collect(db, sample)
    assert _visible(db) == [sample]


def test_rows_are_visible_only_when_their_collection_is_finished(db: Database) -> None:
    collection_id = _start(db)
    assert _append(db, collection_id, [_sample()]) == 1
    assert _visible(db) == []
    _finish(db, collection_id, 1)
    assert _visible(db) == [_sample()]


def test_rows_of_a_failed_collection_stay_invisible_until_another_brings_them(
    db: Database,
) -> None:
    failed = _start(db)
    _append(db, failed, [_sample(1.0), _sample(2.0)])
    with db.write() as conn:
        fail_collection(conn, failed, "The disk is full.")
    assert _visible(db) == []
    assert _get(db, failed).error == "The disk is full."
    assert _collect(db, _sample(1.0, source="file:b")) == 1
    assert _visible(db) == [_sample(1.0, source="file:b")]


def test_rows_of_a_process_that_died_are_taken_over(db: Database) -> None:
    _append(db, _start(db), [_sample()])
    assert _collect(db, _sample()) == 1
    assert _visible(db) == [_sample()]


def test_a_row_that_is_visible_or_comes_twice_is_not_new(db: Database) -> None:
    assert _collect(db, _sample(1.0), _sample(1.0), _sample(2.0)) == 2
    assert _collect(db, _sample(2.0), _sample(3.0)) == 1
    collection_id = _start(db)
    assert _append(db, collection_id, [_sample(4.0)]) == 1
    assert _append(db, collection_id, [_sample(4.0)]) == 0
    assert _append(db, collection_id, []) == 0
    assert len(_visible(db)) == 3


def test_two_collections_with_the_same_rows_at_once_lose_none(db: Database) -> None:
    first, second = _start(db), _start(db)
    assert _append(db, first, [_sample(1.0), _sample(2.0)]) == 2
    assert _append(db, second, [_sample(2.0)]) == 1
    with pytest.raises(Conflict, match="Another import brought 1 of the same rows"):
        _finish(db, first, 2)
    _finish(db, second, 1)
    assert _visible(db) == [_sample(2.0)]
    assert _get(db, first).finished_at is None


def test_a_later_row_with_the_same_id_takes_over_in_its_source_only(db: Database) -> None:
    old = _sample(external_id="k", target=10.0)
    elsewhere = _sample(external_id="k", target=20.0, source="file:b")
    _collect(db, old, elsewhere)
    new = replace(old, target=30.0)
    _collect(db, new)
    assert sorted(sample.target for sample in _visible(db)) == [20.0, 30.0]


def test_a_correction_can_be_taken_back(db: Database) -> None:
    old = _sample(external_id="k", target=10.0)
    new = replace(old, target=30.0)
    for sample in (old, new, old):
        assert _collect(db, sample) == 1
    assert _visible(db) == [old]


def test_a_collection_takes_over_from_what_it_replaces_but_for_what_it_brought_again(
    db: Database,
) -> None:
    old, other, new = _start(db), _start(db, "file:b"), _start(db)
    for collection_id, numbers in ((old, (1.0, 2.0)), (other, (3.0,))):
        _append(db, collection_id, [_sample(number) for number in numbers])
        _finish(db, collection_id, len(numbers))
    brought = [_sample(2.0), _sample(4.0)]
    with db.write() as conn:
        kept = find_standing(conn, [old], [*brought, _sample(3.0)])
        assert len(kept) == 1
        assert append_samples(conn, new, brought) == 1
    assert _finish(db, new, 1, replaced=Replaced([old], kept)) == 1
    assert sorted(sample.features["a"] for sample in _visible(db)) == [2.0, 3.0, 4.0]  # type: ignore[type-var]


def test_repeated_ids_are_counted(db: Database) -> None:
    collection_id = _start(db)
    ids = ["a", "a", "a", "b", None, None]
    _append(db, collection_id, [_sample(i, external_id=k) for i, k in enumerate(ids)])
    with db.read() as conn:
        assert count_repeated_ids(conn, collection_id) == 2
        assert count_repeated_ids(conn, collection_id + 1) == 0


def test_a_collection_says_everything_of_itself(db: Database) -> None:
    collection_id = _start(db)
    _append(db, collection_id, [_sample()])
    rejected = [Rejection(row, "is bad", "bad") for row in range(1, 1502)]
    _finish(
        db, collection_id, 1, n_received=1503, n_duplicate=1, rejected=rejected, n_rejected=1501
    )
    collection = _get(db, collection_id)
    assert (collection.source, collection.started_by, collection.mapping) == (
        "file:a",
        "ada",
        {"target": "y"},
    )
    assert (collection.n_received, collection.n_new, collection.n_duplicate) == (1503, 1, 1)
    assert collection.n_rejected == 1501
    assert len(collection.rejected) == 1000
    assert collection.rejected[0] == Rejection(1, "is bad", "bad")


def test_a_collection_that_does_not_exist_is_not_found(db: Database) -> None:
    with pytest.raises(NotFound, match="There is no collection 7"):
        _get(db, 7)


def test_collections_are_listed_newest_first(db: Database) -> None:
    ids = [_start(db, f"s{i}") for i in range(4)]
    with db.read() as conn:
        assert [c.id for c in load_collections(conn, 3)] == ids[:0:-1]


def test_visible_rows_are_counted_by_source_and_provenance(db: Database) -> None:
    later = NOON + timedelta(days=1)
    _collect(
        db,
        _sample(1.0, at=NOON),
        _sample(2.0, at=later),
        _sample(3.0, source="file:b"),
        _sample(4.0, provenance=Provenance.FEEDBACK),
    )
    _append(db, _start(db), [_sample(5.0)])
    with db.read() as conn:
        assert count_samples(conn) == [
            SampleCounts("file:a", Provenance.FEEDBACK, 1, None, None),
            SampleCounts("file:a", Provenance.REAL, 2, NOON, later),
            SampleCounts("file:b", Provenance.REAL, 1, None, None),
        ]


def test_rows_are_streamed_in_pieces_with_their_keys_by_source_and_provenance(
    db: Database,
) -> None:
    rows = [_sample(float(i), at=NOON - timedelta(minutes=i)) for i in range(4500)]
    _collect(db, *rows, _sample(-1.0, source="file:b"), _sample(provenance=Provenance.SYNTHETIC))
    with db.read() as conn:
        pieces = list(stream_pieces(conn, sources=["file:a"], provenances=[Provenance.REAL]))
    assert [len(piece) for piece in pieces] == [2000, 2000, 500]
    streamed = [sample for piece in pieces for _, sample in piece]
    assert streamed == rows[::-1]
    assert pieces[0][0][0] == sample_key(rows[-1])


def test_rows_are_found_by_their_keys(db: Database) -> None:
    rows = [_sample(float(i)) for i in range(3)]
    _collect(db, *rows)
    keys = [sample_key(row) for row in rows[:2]]
    asked = [(row.at, key) for row, key in zip(rows, keys, strict=False)]
    with db.read() as conn:
        found = load_by_keys(conn, [*asked, (None, "nobody's")])
        assert found == dict(zip(keys, rows[:2], strict=True))
        assert load_by_keys(conn, []) == {}
