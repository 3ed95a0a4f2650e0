"""What an erasure deletes in both databases: the rows, and what was said of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.domain.dataset import IdKind, QualityReport
from core.domain.sample import Provenance, Rejection, Sample
from core.store.data import erasures, quality, samples
from core.store.engine.database import Database
from core.store.predictions import predictions
from core.store.predictions.batches import append_batches, count_rows
from tests.fakes import make_batch
from tests.store.conftest import NOON
from tests.streams import stream_samples

SAID = (Rejection(1, "id r5: no"), Rejection(2, "id r55: no"), Rejection(3, "'r5' is no id"))


def fill(db: Database) -> int:
    with db.write() as conn:
        number = samples.start_collection(conn, "supabase:t", {}, "ada", NOON)
        rows = [
            Sample("supabase:t", Provenance.REAL, {"a": float(n)}, 50.0, external_id=f"r{n}")
            for n in (5, 55)
        ]
        samples.append_samples(conn, number, rows)
        samples.finish_collection(
            conn,
            number,
            n_received=5,
            n_new=2,
            n_duplicate=0,
            rejected=SAID,
            n_rejected=3,
            now=NOON,
        )
        quality.append_report(conn, QualityReport(NOON, 2, (), ()))
    return number


def test_what_was_said_of_rows_goes_with_them(db: Database) -> None:
    number = fill(db)
    with db.write() as conn:
        erasures.delete_rows(conn, IdKind.ID, "r5")
    with db.read() as conn:
        assert [sample.external_id for sample in stream_samples(conn)] == ["r55"]
        collection = samples.get_collection(conn, number)
        assert (collection.rejected, collection.n_rejected) == ((SAID[1],), 3)
        assert quality.load_reports(conn, 9) == []


def test_a_batch_that_came_just_before_the_deletion_is_not_left_out(db: Database) -> None:
    late = replace(make_batch(3), unit_ids=["ann", None, "bob"])
    with db.write() as conn:
        append_batches(conn, [late])
        erasures.delete_rows(conn, IdKind.GROUP, "ann")
    with db.read() as conn:
        left = [predictions.get_prediction(conn, one) for one in late.ids]
        assert count_rows(conn) == 0
    assert [(one.unit_id, bool(one.features)) for one in left] == [
        (None, False),
        (None, True),
        ("bob", True),
    ]


def test_the_log_is_emptied_where_nobody_reads(sqlite_db: Database, home: Path) -> None:
    fill(sqlite_db)
    log = home / "plumbline.db-wal"
    assert log.stat().st_size > 0
    assert sqlite_db.empty_log()
    assert log.stat().st_size == 0


def test_the_labels_of_a_person_are_found_without_reading_all(db: Database) -> None:
    asked: list[tuple[str, Any]] = []

    def note(*said: Any) -> None:
        if "labels" in said[2]:
            asked.append((said[2], said[3]))

    with db.write() as conn:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if conn.dialect.name == "sqlite" else "EXPLAIN"
        sa.event.listen(conn, "before_cursor_execute", note)
        erasures.count_rows(conn, IdKind.ID, "ann")
        sa.event.remove(conn, "before_cursor_execute", note)
        ((statement, values),) = asked
        plan = str(conn.exec_driver_sql(f"{explain} {statement}", values).all())
    assert "labels_given_by" in plan
    assert "SCAN labels" not in plan
    assert "Seq Scan on labels" not in plan
