"""A person's rows can be traced and deleted for good, from the store and from every snapshot."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from core.audit.verify import verify_audit
from core.data.collect import add_rows
from core.data.context import CollectContext
from core.data.erase import ErasureRequest, erase_rows, remove_old_files, trace_rows
from core.data.quality.overview import refresh_quality
from core.data.snapshots import read_snapshot, take_snapshot
from core.data.sources.feedback import collect_feedback
from core.domain.actor import Act
from core.domain.dataset import EXTERNAL_ID, Erasure, IdKind, Snapshot, Trace, Use
from core.domain.installation import Scope
from core.domain.prediction import Label
from core.domain.sample import Rejection
from core.domain.trial import ShadowOutcome, ShadowScore
from core.errors import InvalidInput, NotFound
from core.serving.keys import create_key
from core.store.data import erasures, mentions, quality, samples, snapshots
from core.store.engine import schema
from core.store.engine.database import Connection, Database
from core.store.engine.types import Flag, Json, UtcTime
from core.store.installation import audit
from core.store.models import trials, versions
from core.store.predictions import labels, predictions
from core.store.predictions.batches import append_batches
from tests.fakes import keep_labels, make_batch, make_prediction, make_report
from tests.people import person
from tests.streams import NOON, SCALE, add_labels, add_predictions, stream_samples

ROWS = [
    {
        "id": f"r{n}",
        "group": f"g{n % 3}",
        "features": {"a": float(n)},
        "target": 50,
        "text": f"t{n}",
    }
    for n in range(12)
]


def fill(db: Database, rows: list[dict[str, object]] = ROWS) -> None:
    add_rows(db, rows, source="api", by="ada", now=NOON, scale=SCALE)


def take(db: Database, home: Path) -> Snapshot:
    return take_snapshot(db, home / "snapshots", by="ada", now=NOON)


def train(db: Database, snapshot: Snapshot) -> None:
    with db.write() as conn:
        versions.append_version(
            conn,
            snapshot_id=snapshot.id,
            artifact_hash="a",
            report=make_report(),
            by="ada",
            now=NOON,
        )


def erase(db: Database, home: Path, kind: IdKind, name: str) -> Erasure:
    return erase_rows(
        db,
        home / "snapshots",
        ErasureRequest(kind, name, person("ada"), "asked to", home / "uploads"),
        now=lambda: NOON,
        scale=SCALE,
    )


def test_a_row_leads_to_the_snapshots_and_versions_that_used_it(db: Database, home: Path) -> None:
    fill(db)
    train(db, take(db, home))
    fill(db, [{"id": "new", "features": {"a": 99.0}, "target": 1}])
    take(db, home)
    trace = trace_rows(db, home / "snapshots", IdKind.ID, "r5")
    assert trace == Trace(1, 0, (Use(2, 1, ()), Use(1, 1, (1,))))
    assert trace_rows(db, home / "snapshots", IdKind.ID, "new").uses == (Use(2, 1, ()),)
    assert trace_rows(db, home / "snapshots", IdKind.GROUP, "g1").n_samples == 4


@pytest.mark.parametrize("given", [1043, "1043", "1043.0", 1043.0, " 1043 "])
@pytest.mark.parametrize("asked", ["1043", "1043.0"])
def test_a_name_is_found_however_its_number_was_written(
    db: Database, home: Path, given: object, asked: str
) -> None:
    fill(db, [{"id": "a", "group": given, "features": {"a": 1.0}, "target": 1}])
    assert trace_rows(db, home / "snapshots", IdKind.GROUP, asked).n_samples == 1
    assert erase(db, home, IdKind.GROUP, asked).found.n_samples == 1


def test_erased_rows_are_in_the_store_and_in_no_file_any_more(db: Database, home: Path) -> None:
    fill(db)
    before = take(db, home)
    train(db, before)
    note = erase(db, home, IdKind.GROUP, "g1")
    assert note.found == Trace(4, 0, (Use(1, 4, (1,)),))
    with db.read() as conn:
        assert {one.group for one in stream_samples(conn)} == {"g0", "g2"}
        after = snapshots.get_snapshot(conn, 1)
        assert erasures.load_erasures(conn) == [note]
    assert after.content_hash == before.content_hash  # what was seen stays said
    assert after.file_hash == Path(after.path).stem != before.content_hash
    frame = read_snapshot(home / "snapshots", after)
    assert set(frame[EXTERNAL_ID]) == {f"r{n}" for n in range(12) if n % 3 != 1}
    (file,) = (home / "snapshots").iterdir()
    assert "r4" not in pq.read_table(file).column(EXTERNAL_ID).to_pylist()


def test_what_predictions_of_a_unit_were_asked_goes_and_their_scores_stay(
    db: Database, home: Path
) -> None:
    add_predictions(db, [make_prediction("a", unit_id="ann", text="secret"), make_prediction("b")])
    add_labels(db, [("a", 70.0), ("b", 60.0)])
    collect_feedback(CollectContext(db, SCALE, "ada", lambda: NOON, lambda *_: None))
    note = erase(db, home, IdKind.GROUP, "ann")
    assert (note.found.n_samples, note.found.n_predictions) == (1, 1)
    with db.read() as conn:
        left = predictions.get_prediction(conn, "a")
        assert (left.features, left.text, left.unit_id, left.score) == ({}, None, None, 71.5)
        assert [one.external_id for one in stream_samples(conn)] == ["b"]
    assert trace_rows(db, home / "snapshots", IdKind.ID, "a").is_empty


def test_what_a_waiting_batch_was_asked_goes_too_and_nothing_on_the_disk_says_it(
    db: Database, home: Path
) -> None:
    batch = replace(make_batch(3), unit_ids=["ann-of-the-batch", None, "bob-of-the-batch"])
    with db.write() as conn:
        append_batches(conn, [batch])
    note = erase(db, home, IdKind.GROUP, "ann-of-the-batch")
    assert note.found.n_predictions == 1
    with db.read() as conn:
        left = [predictions.get_prediction(conn, one) for one in batch.ids]
    assert [one.unit_id for one in left] == [None, None, "bob-of-the-batch"]
    assert (left[0].features, left[1].features != {}) == ({}, True)
    db.close()
    whole = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"bob-of-the-batch" in whole
    assert b"ann-of-the-batch" not in whole


def test_rows_that_are_brought_again_make_the_snapshot_whole(db: Database, home: Path) -> None:
    fill(db)
    before = take(db, home)
    erase(db, home, IdKind.ID, "r5")
    fill(db)
    again = take(db, home)
    assert again == before
    remove_old_files(db, home / "snapshots")
    assert len(read_snapshot(home / "snapshots", again)) == 12


def test_an_old_file_that_was_left_by_a_kill_goes_at_the_next_look(
    db: Database, home: Path
) -> None:
    fill(db)
    before = take(db, home)
    content = (home / before.path).read_bytes()
    erase(db, home, IdKind.ID, "r5")
    (home / before.path).write_bytes(content)
    remove_old_files(db, home / "snapshots")
    assert not (home / before.path).exists()


def test_a_deletion_needs_a_reason_and_something_to_delete(db: Database, home: Path) -> None:
    fill(db)
    with pytest.raises(InvalidInput, match="A deletion needs a reason"):
        erase_rows(
            db,
            home / "snapshots",
            ErasureRequest(IdKind.ID, "r5", person("ada"), " ", home / "uploads"),
            now=lambda: NOON,
            scale=SCALE,
        )
    with pytest.raises(NotFound, match="no row, prediction, label or mention of id 'nobody'"):
        erase(db, home, IdKind.ID, "nobody")


def test_nothing_on_the_disk_says_the_rows_any_more(db: Database, home: Path) -> None:
    secret = "my-mother-was-here"
    fill(db, [*ROWS, {**ROWS[0], "id": "r77", "text": secret}])
    take(db, home)
    refresh_quality(db, SCALE, NOON)
    erase(db, home, IdKind.ID, "r77")
    held = [
        path for path in home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert held == []


def test_what_was_said_of_rejected_rows_that_carry_the_id_goes(db: Database, home: Path) -> None:
    fill(db)
    with db.write() as conn:
        number = samples.start_collection(conn, "supabase:t", {}, "ada", NOON)
        said = [Rejection(1, "id r5: no"), Rejection(2, "id r55: no"), Rejection(3, "'r5' is no")]
        samples.finish_collection(
            conn,
            number,
            n_received=3,
            n_new=0,
            n_duplicate=0,
            rejected=said,
            n_rejected=3,
            now=NOON,
        )
    erase(db, home, IdKind.ID, "r5")
    with db.read() as conn:
        collection = samples.get_collection(conn, number)
    assert (collection.rejected, collection.n_rejected) == ((said[1],), 3)


def test_the_rows_that_are_left_are_checked_anew(db: Database, home: Path) -> None:
    fill(db)
    refresh_quality(db, SCALE, NOON)
    erase(db, home, IdKind.GROUP, "g1")
    with db.read() as conn:
        (report,) = quality.load_reports(conn, 10)
    assert report.n_rows == 8


@pytest.mark.parametrize("name", ["../kept.parquet", "{home}/kept.parquet", "..", "", "a\0b"])
def test_a_note_cannot_name_a_file_outside_of_the_folder_for_removal(
    db: Database, home: Path, name: str
) -> None:
    (home / "snapshots").mkdir()
    (home / "kept.parquet").write_text("kept")
    note = Erasure(NOON, "eve", "a reason", Trace(0, 0, ()), (name.format(home=home),))
    with db.write() as conn:
        erasures.append_erasure(conn, note)
    remove_old_files(db, home / "snapshots")
    assert (home / "kept.parquet").exists()


CANARY = "ann-canary-77"
JOB = {
    "kind": "demo",
    "args": {},
    "status": "done",
    "requested_at": NOON,
    "requested_by": "ada",
    "reason": "",
    "progress": 1.0,
    "message": "",
}


def _fill_column(column: sa.Column[Any], text: str, keys: frozenset[str] | None) -> object:
    """A value that a column may hold, with the text where it quotes one."""
    sentence = f"'{text}' is odd"
    if keys is not None:
        if not isinstance(column.type, Json):
            return sentence
        return [sentence] if keys == {""} else {key: [sentence, text] for key in keys}
    if column.foreign_keys:
        return 1
    for kind, value in ((Json, {}), (sa.Text, "x"), (UtcTime, NOON), (Flag, False)):
        if isinstance(column.type, kind):
            return value
    return 1


def _plant(db: Database, text: str) -> None:
    """A row for each table that quotes values, with the text in every column that does."""
    tables = dict.fromkeys(column.table for column in mentions.QUOTING)
    with db.write() as conn:
        for table in sorted(tables, key=schema.metadata.sorted_tables.index):
            values = {
                column.name: _fill_column(column, text, mentions.QUOTING.get(column))
                for column in table.columns
                if not column.identity and (not column.nullable or column in mentions.QUOTING)
            }
            conn.execute(table.insert().values(**values))


def _find_tables(db: Database, text: str) -> set[str]:
    """The columns of all tables that hold the text."""
    with db.read() as conn:
        return {
            f"{table.name}.{name}"
            for table in schema.metadata.sorted_tables
            for row in conn.execute(sa.select(table)).mappings()
            for name, value in row.items()
            if text in str(value)
        }


def test_a_name_is_in_no_table_and_no_file_after_it_was_erased(db: Database, home: Path) -> None:
    fill(db, [*ROWS, {**ROWS[0], "id": CANARY, "features": {"a": CANARY}, "text": CANARY}])
    train(db, take(db, home))
    with db.write() as conn:
        conn.execute(schema.incidents.insert().values(cause="latency", opened_at=NOON))
        conn.execute(schema.jobs.insert().values(**JOB))
    _plant(db, CANARY)
    batch = replace(make_batch(3), features={"name": [CANARY, "b", "c"]}, unit_ids=[CANARY] * 3)
    with db.write() as conn:
        append_batches(conn, [batch])
        keep_labels(
            conn,
            [
                Label(CANARY, 1.0, NOON, "bob", NOON),
                Label(batch.ids[1], 2.0, NOON, CANARY, NOON),
            ],
        )
        conn.execute(schema.unmatched_labels.insert().values(prediction_id=CANARY))
    add_predictions(
        db,
        [make_prediction("p", unit_id=CANARY, reason=f"'{CANARY}' is odd", text=CANARY)],
    )
    with db.write() as conn:
        shadow = ShadowScore("p", 1, ShadowOutcome.FAILED, None, 1.0, f"'{CANARY}' is odd")
        trials.append_shadow_scores(conn, [shadow])
    upload = home / "uploads" / "7" / "kept-copy.csv"
    upload.parent.mkdir(parents=True)
    upload.write_text(CANARY)
    create_key(db, "app", frozenset(Scope), by=person("ada"), now=NOON)  # rows are sealed
    planted = _find_tables(db, CANARY)
    assert planted >= {f"{c.table.name}.{c.name}" for c in mentions.QUOTING}
    assert {"labels.given_by", "labels.prediction_id", "shadow_scores.error"} < planted
    erase(db, home, IdKind.ID, CANARY)
    note = erase(db, home, IdKind.GROUP, CANARY)
    assert _find_tables(db, CANARY) == set()
    assert note.found.n_predictions == 4
    assert verify_audit(db).findings == ()
    assert not upload.exists()
    db.close()
    held = [
        path.name
        for path in home.rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes()
    ]
    assert held == []


def test_a_label_that_an_erased_person_gave_stays_without_the_name(
    db: Database, home: Path
) -> None:
    add_predictions(db, [make_prediction("a")])
    with db.write() as conn:
        keep_labels(conn, [Label("a", 70.0, NOON, "ann", NOON, key_id=3)])
    note = erase(db, home, IdKind.ID, "ann")
    assert note.found.n_labels == 1
    with db.read() as conn:
        label = labels.find_label(conn, "a")
    assert label is not None
    assert (label.given_by, label.actual, label.key_id) == (mentions.ERASED, 70.0, 3)
    assert trace_rows(db, home / "snapshots", IdKind.ID, "ann").is_empty


def test_a_report_that_quoted_the_name_is_recorded_in_mlflow_again(
    db: Database, home: Path
) -> None:
    fill(db, [{"id": CANARY, "features": {"a": 1.0}, "target": 1}])
    snapshot = take(db, home)
    for _ in range(2):
        train(db, snapshot)
    with db.write() as conn:
        for number in (1, 2):
            versions.append_run(conn, number, f"run-{number}", NOON)
        conn.execute(
            schema.versions.update()
            .where(schema.versions.c.number == 2)
            .values(report=replace(make_report(), summary=f"Worse for {CANARY}."))
        )
    erase(db, home, IdKind.ID, CANARY)
    with db.read() as conn:
        [waiting] = versions.load_versions_without_run(conn)
    assert (waiting.number, waiting.report.summary) == (2, "Worse for [erased].")


def test_a_column_of_the_name_of_an_erased_group_stays_a_column(db: Database, home: Path) -> None:
    body = {"columns": [{"name": "size", "levels": ["size", "large"]}]}
    fill(db, [{"id": "1", "group": "size", "features": {"size": 1.0}, "target": 1}])
    with db.write() as conn:
        conn.execute(schema.drift_references.insert().values(version=1, at=NOON, body=body))
    erase(db, home, IdKind.GROUP, "size")
    with db.read() as conn:
        [left] = conn.execute(sa.select(schema.drift_references.c.body)).scalars()
    assert left == {"columns": [{"name": "size", "levels": [mentions.ERASED, "large"]}]}


def test_the_audit_says_how_many_labels_and_mentions_an_erasure_changed(
    db: Database, home: Path
) -> None:
    add_predictions(db, [make_prediction("a")])
    with db.write() as conn:
        keep_labels(conn, [Label("a", 70.0, NOON, "ann", NOON, key_id=3)])
        conn.execute(schema.health_changes.insert().values(at=NOON, health="warning", reasons=[]))
    erase(db, home, IdKind.ID, "ann")
    with db.read() as conn:
        [entry] = [one for one in audit.stream_entries(conn) if one.act == Act.ERASE]
    assert entry.after == {"n_samples": 0, "n_predictions": 0, "n_labels": 1, "n_mentions": 0}


@pytest.mark.parametrize(
    "plant",
    [
        lambda conn: conn.execute(
            schema.incident_events.insert().values(
                incident_id=conn.execute(
                    schema.incidents.insert()
                    .values(cause="latency", opened_at=NOON)
                    .returning(schema.incidents.c.id)
                ).scalar_one(),
                at=NOON,
                kind="opened",
                severity="warning",
                by="monitor",
                message="provider = ann-7: no",
            )
        ),
        lambda conn: conn.execute(
            schema.health_changes.insert().values(
                at=NOON, health="warning", reasons=[{"message": "worst for ann-7"}]
            )
        ),
        lambda conn: conn.execute(
            schema.sources.insert().values(
                name="t",
                mapping={},
                attempt=1,
                started_at=NOON,
                n_received=1,
                n_new=0,
                reading={"rejected": [{"row": 1, "message": "ann-7: no"}]},
            )
        ),
    ],
)
def test_an_erasure_finds_a_name_that_only_the_program_quotes(
    db: Database, home: Path, plant: Callable[[Connection], object]
) -> None:
    """Its rows may be gone for months: what quotes them is found, counted and replaced."""
    with db.write() as conn:
        plant(conn)
    found = trace_rows(db, home / "snapshots", IdKind.ID, "ann-7")
    assert (found.n_mentions, found.is_empty) == (1, False)
    assert found.describe().endswith("no labels and 1 other record that quotes the name")
    assert erase(db, home, IdKind.ID, "ann-7").found.n_mentions == 1
    assert trace_rows(db, home / "snapshots", IdKind.ID, "ann-7").is_empty
    with pytest.raises(NotFound, match="no row, prediction, label or mention"):
        erase(db, home, IdKind.ID, "ann-7")
