"""Snapshots: the same rows are the same snapshot, and altered ones are refused."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.collect import add_demo, add_rows
from core.data.context import CollectContext
from core.data.snapshots import read_snapshot, take_snapshot
from core.data.sources.feedback import collect_feedback
from core.domain.dataset import AT, PROVENANCE, TARGET, Snapshot
from core.domain.sample import Provenance
from core.errors import InvalidInput, NotFound, OpsError, Refused, Unavailable
from core.settings import Scale
from core.store.data.snapshots import load_snapshots
from core.store.engine.database import Database, open_database
from tests.fakes import make_prediction
from tests.streams import add_labels, add_predictions

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PERCENT = Scale(0, 100)
ROWS = [
    {
        "id": f"r{i}",
        "at": (NOON - timedelta(days=i)).isoformat(),
        "features": {"a": i / 7, "model": "xy"[i % 2], "gap": None if i % 3 else 1.0},
        "target": float(i % 100),
        "text": f"text {i}",
    }
    for i in range(40)
]


def _fill(db: Database, rows: list[dict[str, object]], source: str = "api") -> None:
    add_rows(db, rows, source=source, by="ada", now=NOON, scale=PERCENT)


def _demo(db: Database) -> None:
    add_demo(CollectContext(db, PERCENT, "a", lambda: NOON, lambda *_: None), 60, 0)


def _collect_feedback(db: Database) -> None:
    collect_feedback(CollectContext(db, PERCENT, "a", lambda: NOON, lambda *_: None))


def _take(db: Database, home: Path, **options: object) -> Snapshot:
    return take_snapshot(db, home / "snapshots", by="ada", now=NOON, **options)  # type: ignore[arg-type]


def test_a_snapshot_says_what_is_in_it_and_reads_as_it_was(db: Database, home: Path) -> None:
    _fill(db, ROWS)
    snapshot = _take(db, home)
    assert (snapshot.n_rows, snapshot.n_synthetic) == (40, 0)
    assert snapshot.columns == ("a", "gap", "model")
    assert (snapshot.first_at, snapshot.last_at) == (NOON - timedelta(days=39), NOON)
    assert (snapshot.created_at, snapshot.created_by) == (NOON, "ada")
    assert snapshot.query["provenances"] == ["real", "feedback"]
    types = snapshot.query["types"]
    schema = pq.read_schema(home / snapshot.path)
    assert types == {field.name: str(field.type) for field in schema}
    assert (types["a"], types["model"]) == ("double", "large_string")
    assert (home / snapshot.path).is_file()
    frame = read_snapshot(home / "snapshots", snapshot)
    assert frame[AT].is_monotonic_increasing
    assert frame[TARGET].tolist() == [float(i) for i in reversed(range(40))]
    assert frame["a"].tolist() == [i / 7 for i in reversed(range(40))]
    assert frame["gap"].isna().sum() == 26


def test_taking_it_again_gives_the_same_snapshot(db: Database, home: Path) -> None:
    _fill(db, ROWS)
    first = _take(db, home)
    content = (home / first.path).read_bytes()
    assert _take(db, home) == first
    assert (home / first.path).read_bytes() == content
    assert [path.name for path in (home / "snapshots").iterdir()] == [Path(first.path).name]


def test_the_same_rows_in_another_order_and_store_have_the_same_hash(
    db: Database, home: Path, tmp_path: Path
) -> None:
    _fill(db, ROWS)
    other = open_database("", tmp_path / "other", "process", NOON)
    for row in reversed(ROWS):
        _fill(other, [row], "file:other.csv")
    assert _take(db, home).content_hash == _take(other, tmp_path / "other").content_hash
    other.close()


def test_feedback_that_came_in_another_order_has_the_same_hash(
    db: Database, home: Path, tmp_path: Path
) -> None:
    other = open_database("", tmp_path / "other", "process", NOON)
    asked = [make_prediction(f"p{n}", at=NOON - timedelta(hours=n)) for n in range(20)]
    labels = [(prediction.id, 3.0 * n) for n, prediction in enumerate(asked)]
    add_predictions(db, asked)
    add_labels(db, labels)
    add_predictions(other, asked[::-1])
    for part in (labels[15:], labels[:15]):
        add_labels(other, part)
        _collect_feedback(other)
    _collect_feedback(db)
    assert _take(db, home).n_rows == 20
    assert _take(db, home).content_hash == _take(other, tmp_path / "other").content_hash
    other.close()


def test_a_new_row_makes_a_new_snapshot_and_the_old_one_stays(db: Database, home: Path) -> None:
    _fill(db, ROWS[:20])
    old = _take(db, home)
    _fill(db, ROWS[20:])
    new = _take(db, home)
    assert (old.id, old.n_rows, new.n_rows) == (new.id - 1, 20, 40)
    assert len(read_snapshot(home / "snapshots", old)) == 20


def test_generated_rows_never_stand_beside_observed_ones(db: Database, home: Path) -> None:
    _demo(db)
    synthetic = _take(db, home)
    assert (synthetic.n_rows, synthetic.n_synthetic) == (60, 60)
    _fill(db, ROWS)
    observed = _take(db, home)
    assert (observed.n_rows, observed.n_synthetic) == (40, 0)
    assert set(read_snapshot(home / "snapshots", observed)[PROVENANCE]) == {"real"}
    with pytest.raises(InvalidInput, match="Generated rows are never used beside observed ones"):
        _take(db, home, provenances=list(Provenance))


def test_generated_rows_can_be_asked_for(db: Database, home: Path) -> None:
    _demo(db)
    _fill(db, ROWS)
    assert _take(db, home, provenances=[Provenance.SYNTHETIC]).n_synthetic == 60


def test_without_rows_there_is_no_snapshot(db: Database, home: Path) -> None:
    with pytest.raises(Refused, match="There are no rows to learn from: import a file"):
        _take(db, home)
    _demo(db)
    with pytest.raises(Refused, match="There are no real rows to learn from"):
        _take(db, home, provenances=[Provenance.REAL])
    assert not (home / "snapshots").exists()


def _with(table: pa.Table, name: str, value: object) -> pa.Table:
    column = pa.array([value] * len(table), table.schema.field(name).type)
    return table.set_column(table.column_names.index(name), name, column)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: _with(table, "a", 0.1),
        lambda table: _with(table, "model", "x"),
        lambda table: _with(table, TARGET, 50.0),
        lambda table: _with(table, AT, NOON),
        lambda table: _with(table, PROVENANCE, "synthetic"),
        lambda table: table.slice(1),
        lambda table: pa.concat_tables([table, table.slice(0, 1)]),
        lambda table: table.drop_columns(["gap"]),
        lambda table: table.drop_columns([TARGET]),
        lambda table: table.append_column("more", table.column("a")),
    ],
)
def test_altered_rows_are_refused(db: Database, home: Path, change) -> None:  # type: ignore[no-untyped-def]
    _fill(db, ROWS)
    snapshot = _take(db, home)
    pq.write_table(change(pq.read_table(home / snapshot.path)), home / snapshot.path)
    with pytest.raises(Refused, match=rf"Snapshot {snapshot.id} was altered: .* Restore the file"):
        read_snapshot(home / "snapshots", snapshot)


@pytest.mark.parametrize("content", [b"", b"PAR1 no more", b"text"])
def test_a_damaged_file_is_refused(db: Database, home: Path, content: bytes) -> None:
    _fill(db, ROWS)
    snapshot = _take(db, home)
    (home / snapshot.path).write_bytes(content)
    with pytest.raises(Refused, match="was altered"):
        read_snapshot(home / "snapshots", snapshot)


def test_a_file_that_is_gone_is_missed_and_taking_it_again_brings_it_back(
    db: Database, home: Path
) -> None:
    _fill(db, ROWS)
    snapshot = _take(db, home)
    (home / snapshot.path).unlink()
    with pytest.raises(NotFound, match=rf"The rows of snapshot {snapshot.id} are gone"):
        read_snapshot(home / "snapshots", snapshot)
    assert _take(db, home) == snapshot
    assert len(read_snapshot(home / "snapshots", snapshot)) == 40


def test_a_folder_that_cannot_be_written_records_nothing(db: Database, home: Path) -> None:
    _fill(db, ROWS)
    (home / "snapshots").write_text("in the way")
    with pytest.raises(Unavailable, match=r"cannot be written to .*nothing was recorded"):
        _take(db, home)
    with db.read() as conn:
        assert load_snapshots(conn, 5) == []


def test_a_write_that_breaks_off_leaves_no_file(db: Database, home: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    _fill(db, ROWS)

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.data.snapshots.pq.write_table", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        _take(db, home)
    assert list((home / "snapshots").iterdir()) == []


@pytest.mark.parametrize("path", ["../private/{name}", "/etc/{name}", "snapshots/{name}", "..", ""])
def test_a_row_cannot_name_a_file_outside_of_the_folder(
    db: Database, home: Path, path: str
) -> None:
    _fill(db, ROWS)
    snapshot = _take(db, home)
    private = home.parent / "private"
    private.mkdir()
    kept = home / snapshot.path
    outside = kept.replace(private / kept.name)
    named = dataclasses.replace(snapshot, path=path.format(name=kept.name))
    with pytest.raises(OpsError):
        read_snapshot(home / "snapshots", named)
    kept.symlink_to(outside)
    with pytest.raises(OpsError, match=r"names no file|leads out of|was altered"):
        read_snapshot(home / "snapshots", named)
