"""Snapshots are recorded once for each content and never change."""

from datetime import UTC, datetime

import pytest

from core.domain.dataset import Snapshot
from core.errors import NotFound
from core.store.data.snapshots import append_snapshot, find_snapshot, get_snapshot, load_snapshots
from core.store.engine.database import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _append(db: Database, content_hash: str, by: str = "ada") -> Snapshot:
    with db.write() as conn:
        return append_snapshot(
            conn,
            content_hash=content_hash,
            path=f"snapshots/{content_hash}.parquet",
            n_rows=5,
            n_synthetic=0,
            columns=("a", "b"),
            query={"provenances": ["real"]},
            first_at=None,
            last_at=NOON,
            by=by,
            now=NOON,
        )


def test_a_snapshot_comes_back_as_it_was_recorded(db: Database) -> None:
    snapshot = _append(db, "h1")
    assert snapshot == Snapshot(
        id=snapshot.id,
        content_hash="h1",
        path="snapshots/h1.parquet",
        n_rows=5,
        n_synthetic=0,
        columns=("a", "b"),
        query={"provenances": ["real"]},
        first_at=None,
        last_at=NOON,
        created_at=NOON,
        created_by="ada",
    )
    with db.read() as conn:
        assert get_snapshot(conn, snapshot.id) == snapshot
        assert find_snapshot(conn, "h1") == snapshot


def test_the_same_content_is_the_same_snapshot(db: Database) -> None:
    first = _append(db, "h1")
    assert _append(db, "h1", by="bob") == first
    assert _append(db, "h2").id != first.id


def test_the_newest_come_first(db: Database) -> None:
    ids = [_append(db, f"h{i}").id for i in range(3)]
    with db.read() as conn:
        assert [snapshot.id for snapshot in load_snapshots(conn, 2)] == ids[:0:-1]


def test_what_does_not_exist_is_none_or_not_found(db: Database) -> None:
    with db.read() as conn:
        assert find_snapshot(conn, "h1") is None
        with pytest.raises(NotFound, match="There is no snapshot 9"):
            get_snapshot(conn, 9)
