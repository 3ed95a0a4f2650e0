"""A file's rows get the scores that the API would give them, and what is scored stays scored."""

import csv
import fcntl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from core.deployment.release import deploy
from core.domain.dataset import AT, TEXT
from core.domain.model_card import Card
from core.domain.prediction import Label
from core.domain.version import Widening
from core.errors import Cancelled, Conflict, InvalidInput, NotFound, OpsError, Refused, Unavailable
from core.registry import Registry
from core.serving.answer import Ask
from core.serving.files.flow import FileRequest, predict_file
from core.serving.files.parts import Options, find_folder
from core.serving.files.report import FileReport
from core.serving.service import PredictionService
from core.settings import Scale
from core.store.engine.database import Database
from core.store.monitoring import health
from core.store.predictions import predictions
from tests.api_processes import add_linear_version
from tests.conftest import NOON
from tests.fakes import (
    FEATURES,
    FakeArtifact,
    FakeRegistry,
    add_version,
    keep_labels,
    make_prediction,
)
from tests.people import person
from tests.streams import load_recent_predictions

HUNDRED = Scale(0.0, 100.0)
ROWS = [
    {"name": "a, b", "codeQuality": 80.0, "testCoverage": 60.0},
    {"name": "c", "codeQuality": 42.5, "testCoverage": None},
    {"name": "d", "codeQuality": None, "testCoverage": None},
    {"name": None, "codeQuality": 7.0, "testCoverage": 99.0},
    {"name": "e", "codeQuality": 0.0, "testCoverage": 1.0},
] * 4


class Desk:
    """A store with v1 in force, and files to score with it."""

    def __init__(self, db: Database, registry: Registry, folder: Path) -> None:
        self.db, self.registry, self.folder = db, registry, folder
        self.said: list[str] = []

    def write(self, name: str, rows: list[dict[str, Any]] = ROWS) -> Path:
        path = self.folder / name
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        elif path.suffix == ".jsonl":
            path.write_bytes(msgspec.json.Encoder().encode_lines(rows))
        else:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        return path

    def score(
        self,
        path: Path,
        out: str,
        *,
        stop_after: int | None = None,
        version: int | None = None,
        scale: Scale = HUNDRED,
        **options: Any,
    ) -> FileReport:
        """Score, six rows a part; `stop_after` so many parts somebody cancels it."""

        def hear(share: float, message: str) -> None:
            self.said.append(message)
            if stop_after is not None and len(self.said) >= stop_after:
                raise Cancelled("enough")

        self.said = []
        request = FileRequest(path, self.folder / out, version, Options(**options))
        return predict_file(
            self.db,
            self.registry,
            request,
            scale=scale,
            now=lambda: NOON,
            timer=lambda: 0.0,
            progress=hear,
            rows_per_part=6,
        )

    def release(self, number: int, reason: str = "tests") -> None:
        deploy(
            self.db,
            self.registry,
            number,
            reason=reason,
            by=person("ada"),
            override=False,
            now=NOON,
        )

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def desk(db: Database, home: Path, tmp_path: Path) -> Desk:
    registry = Registry(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")
    folder = tmp_path / "files"
    folder.mkdir()
    desk = Desk(db, registry, folder)
    desk.release(add_linear_version(db, registry, 0.0))
    return desk


@pytest.fixture
def fake(db: Database, tmp_path: Path) -> Desk:
    """The same without a version in force, and with a registry that trains nothing."""
    return Desk(db, FakeRegistry(), tmp_path)  # type: ignore[arg-type]


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of an output; numbers as numbers, nothing as None."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    with path.open(newline="") as file:
        rows = [
            {name: value or None for name, value in row.items()} for row in csv.DictReader(file)
        ]
    numbers = {"score", "low", "high", "codeQuality", "testCoverage"}
    return [
        {n: float(v) if n in numbers and v is not None else v for n, v in row.items()}
        for row in rows
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_every_row_has_what_the_api_answers_in_its_place(desk: Desk, kind: str) -> None:
    report = desk.score(desk.write(f"in.{kind}"), f"out.{kind}")
    service = PredictionService(desk.db, desk.registry, scale=HUNDRED, now=lambda: NOON)
    service.refresh()
    asks = [Ask({name: row[name] for name in FEATURES}) for row in ROWS]
    answers = service.predictor.answer(asks, NOON, 0.0)
    service.stop()
    expected = [
        {
            **row,
            "score": answer.score,
            "low": answer.low,
            "high": answer.high,
            "source": answer.source.value,
            "reason": answer.reason,
            "version": "v1",
        }
        for row, answer in zip(ROWS, answers, strict=True)
    ]
    assert read(desk.folder / f"out.{kind}") == expected
    assert (report.n_rows, report.n_model, report.n_failed) == (20, 16, 4)
    [(why, n)] = report.fallbacks.items()
    assert n == 4
    assert why == answers[2].reason
    assert desk.left() == [f"in.{kind}", f"out.{kind}"]


def test_nothing_of_a_file_is_logged_as_a_prediction(desk: Desk) -> None:
    report = desk.score(desk.write("in.csv"), "out.csv")
    assert report.logged is False
    with desk.db.read() as conn:
        assert load_recent_predictions(conn, 10) == []


def test_parquet_keeps_the_types_of_its_columns(desk: Desk) -> None:
    table = pa.table(
        {
            "at": pa.array([1_772_452_800_123_456_789], pa.timestamp("ns", "UTC")),
            "kind": pa.array(["a"]).dictionary_encode(),
            "n": pa.array([None], pa.int32()),
            "codeQuality": pa.array([80], pa.int8()),
        }
    )
    pq.write_table(table, desk.folder / "in.parquet")
    desk.score(desk.folder / "in.parquet", "out.parquet")
    written = pq.read_table(desk.folder / "out.parquet")
    kept = [str(kind) for kind in written.schema.types[:4]]
    assert kept == ["timestamp[us, tz=UTC]", "string", "int32", "int8"]
    assert written.column("version").to_pylist() == ["v1"]


def test_a_value_that_does_not_fit_its_feature_is_missing_and_counted(desk: Desk) -> None:
    path = desk.folder / "in.csv"
    path.write_text("name,codeQuality,testCoverage\na,80,60\nb,high,60\nc,80\nd,inf,1\ne,0,1\n")
    types = {"codeQuality": "double"}
    with desk.db.write() as conn:  # the snapshot of the version says what its columns were
        conn.exec_driver_sql(
            "UPDATE snapshots SET query = ?", (msgspec.json.encode({"types": types}).decode(),)
        )
    report = desk.score(path, "out.csv")
    rows = list(csv.DictReader((desk.folder / "out.csv").read_text().splitlines()))
    assert [row["source"] for row in rows] == ["model"] * 4
    assert [one.row for one in report.rejected] == [3]
    assert "2 values of 'codeQuality' do not fit the column and count as missing." in report.notes
    assert (report.n_rows, report.n_rejected, report.n_unreadable) == (4, 1, 1)


def test_a_column_that_is_not_there_is_said(desk: Desk) -> None:
    path = desk.folder / "in.csv"
    path.write_text("name,codeQuality\na,80\n")
    [note] = desk.score(path, "out.csv").notes
    assert note == (
        "1 of the 2 columns that v1 reads are not in 'in.csv', and missing in every row: "
        "'testCoverage'."
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize("n_parts", [1, 2, 4])
def test_a_cancelled_attempt_is_gone_on_with_to_the_same_output(
    desk: Desk, kind: str, n_parts: int
) -> None:
    path = desk.write(f"in.{kind}")
    desk.score(path, f"whole.{kind}")
    with pytest.raises(Cancelled):
        desk.score(path, f"out.{kind}", stop_after=n_parts)
    assert not (desk.folder / f"out.{kind}").exists()
    desk.release(add_linear_version(desk.db, desk.registry, 10.0), "meanwhile")
    report = desk.score(path, f"out.{kind}")
    assert len(desk.said) == 4 - n_parts
    assert report.n_resumed == min(6 * n_parts, 20)
    assert report.version == "v1"
    assert report.notes == ("An attempt of 2026-03-02 12:00 UTC was gone on with, by v1 as then.",)
    outputs = [desk.folder / f"{name}.{kind}" for name in ("whole", "out")]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert not find_folder(outputs[1]).exists()


def test_intervals_are_as_wide_as_when_the_file_was_begun(desk: Desk) -> None:
    path = desk.write("in.csv")
    desk.score(path, "narrow.csv")
    with desk.db.write() as conn:
        health.append_widening(conn, Widening(1, NOON, 1.5, 300, 240, NOON))
    with pytest.raises(Cancelled):
        desk.score(path, "wide.csv", stop_after=1)
    with desk.db.write() as conn:
        health.append_widening(conn, Widening(1, NOON, 1.0, 300, 270, None))
    desk.score(path, "wide.csv")
    narrow, wide = (read(desk.folder / name)[0] for name in ("narrow.csv", "wide.csv"))
    assert wide["high"] - wide["low"] == 1.5 * (narrow["high"] - narrow["low"])


def test_an_attempt_that_ended_while_it_cleaned_up_is_finished(desk: Desk) -> None:
    path = desk.write("in.csv")
    parts = find_folder(desk.folder / "out.csv")
    with pytest.raises(Cancelled):
        desk.score(path, "out.csv", stop_after=4)
    kept = {one.name: one.read_bytes() for one in parts.iterdir()}
    report = desk.score(path, "out.csv")
    parts.mkdir()
    for name, content in kept.items():
        (parts / name).write_bytes(content)
    (parts / "report.json").write_bytes(msgspec.json.encode(report))
    assert desk.score(path, "out.csv") == report
    assert desk.left() == ["in.csv", "out.csv"]


def test_the_heuristic_answers_a_file_where_somebody_chose_it(fake: Desk) -> None:
    label = Label("p1", 64.0, NOON, "ada", NOON)
    with fake.db.write() as conn:
        predictions.append_predictions(conn, [make_prediction("p1")])
        keep_labels(conn, [label])
    path = fake.write(
        "in.csv", [{"codeQuality": 80.0, "wind": 3.0}, {"codeQuality": "", "wind": 1}]
    )
    asked = fake.score(path, "asked.csv", version=0)
    assert (asked.n_heuristic, asked.version) == (2, "heuristic")
    fake.release(0, "the model is broken.")
    fake.score(path, "out.csv")
    first, second = read(fake.folder / "out.csv")
    assert (first["score"], second["score"]) == (80.0, 64.0)
    assert first["reason"] == (
        "ada deployed the heuristic in place of a model (the model is broken); the score is the "
        "weighted mean of codeQuality."
    )


class Watching(FakeArtifact):
    """Remembers the columns of the frames that it scored."""

    def score(self, rows: Any) -> NDArray[np.float64]:
        if not hasattr(rows, "columns"):
            return super().score(rows)
        self.seen = {name: rows[name].tolist() for name in rows.columns}
        return np.full(len(rows), 50.0)


def test_a_version_that_reads_text_and_time_gets_both_from_their_columns(fake: Desk) -> None:
    card = Card("r", FEATURES, 0.0, 100.0, 5.0, None, (), False, reads=(TEXT, AT))
    artifact = Watching(card)
    add_version(fake.db, fake.registry, artifact=artifact)  # type: ignore[arg-type]
    path = fake.write(
        "in.csv",
        [
            {"codeQuality": 1, "body": "x", "made": "2026-03-01T12:00:00Z"},
            {"codeQuality": 1, "body": "", "made": ""},
            {"codeQuality": 1, "body": "y", "made": "01/02/2026"},
        ],
    )
    report = fake.score(path, "out.csv", version=1, text="body", timestamp="made")
    assert [artifact.seen[TEXT][place] for place in (0, 2)] == ["x", "y"]
    assert artifact.seen[TEXT][1] != artifact.seen[TEXT][1]  # a frame's nothing
    assert artifact.seen[AT][:2] == [NOON.timestamp() - 86_400, NOON.timestamp()]
    assert report.rejected[0].message.startswith("timestamp 'made': '01/02/2026' may be day/month")
    fewer = fake.score(path, "fewer.csv", version=1)
    assert fewer.notes[1:] == (
        "v1 reads a text, and no column holds it: --text names one.",
        "v1 reads when the work was made, and no column says it: it is taken as made now. "
        "--timestamp names one.",
    )


def test_day_first_times_are_scored_as_an_import_reads_them(fake: Desk) -> None:
    card = Card("r", FEATURES, 0.0, 100.0, 5.0, None, (), False, reads=(AT,))
    artifact = Watching(card)
    add_version(fake.db, fake.registry, artifact=artifact)  # type: ignore[arg-type]
    days = ("01/02/2026", "02/02/2026", "16/02/2026")
    path = fake.write("in.csv", [{"codeQuality": 1, "made": day} for day in days])
    report = fake.score(path, "out.csv", version=1, timestamp="made")
    assert report.rejected == ()
    read = [datetime.fromtimestamp(seconds, UTC).isoformat()[:10] for seconds in artifact.seen[AT]]
    assert read == ["2026-02-01", "2026-02-02", "2026-02-16"]


def refuse(desk: Desk, path: Path, out: str, kind: type[OpsError], **more: Any) -> str:
    """The sentence of a refusal, which leaves nothing behind."""
    before = desk.left()
    with pytest.raises(kind) as raised:
        desk.score(path, out, **more)
    assert desk.left() == before
    return str(raised.value)


def test_files_that_cannot_be_scored_are_refused(desk: Desk) -> None:
    good = desk.write("in.csv")
    missing = desk.folder / "gone.csv"
    assert refuse(desk, missing, "out.csv", InvalidInput) == (
        f"'{missing}' cannot be read (No such file or directory): check the path."
    )
    (desk.folder / "empty.csv").write_text("")
    assert "is empty" in refuse(desk, desk.folder / "empty.csv", "out.csv", InvalidInput)
    (desk.folder / "rows.docx").write_text("x")
    assert "does not end in .csv" in refuse(
        desk, desk.folder / "rows.docx", "out.csv", InvalidInput
    )
    (desk.folder / "cut.parquet").write_bytes(b"PAR1xx")
    assert "cannot be read as Parquet" in refuse(
        desk, desk.folder / "cut.parquet", "out.csv", InvalidInput
    )
    (desk.folder / "header.csv").write_text("codeQuality,testCoverage\n")
    assert refuse(desk, desk.folder / "header.csv", "out.csv", InvalidInput) == (
        "'header.csv' has no row that can be read: there is nothing to score."
    )
    other = desk.write("other.csv", [{"wind": 3.0, "rain": 1.0}])
    assert refuse(desk, other, "out.csv", InvalidInput) == (
        "'other.csv' has none of the columns that v1 reads ('codeQuality', 'testCoverage'); its "
        "columns are 'wind', 'rain'."
    )
    void = desk.write("void.csv", [{"codeQuality": "", "testCoverage": "", "x": 1}] * 2)
    assert refuse(desk, void, "out.csv", Refused) == (
        "None of the first 2 rows of 'void.csv' can be scored; the first: The request has none of "
        "the features that v1 reads (codeQuality, testCoverage), and there is nothing to guess "
        "from either: no base metric (codeQuality, testCoverage, security, performance, "
        "maintainability, complexity) in the request and no label yet. Nothing was written."
    )
    scored = desk.write("scored.csv", [{"codeQuality": 1.0, "score": 2.0}])
    assert refuse(desk, scored, "out.csv", InvalidInput) == (
        "'scored.csv' has a column 'score' already: rename it, or name the columns that are added "
        "otherwise, with --prefix predicted_."
    )
    assert desk.score(scored, "out.csv", prefix="predicted_").n_model == 1
    assert refuse(desk, good, "new.csv", InvalidInput, text="body") == (
        "'in.csv' has no column 'body' for the text; its columns are 'name', 'codeQuality', "
        "'testCoverage'."
    )


def test_outputs_that_cannot_be_written_are_refused(desk: Desk) -> None:
    path = desk.write("in.csv")
    (desk.folder / "mine.csv").write_text("precious")
    out = desk.folder / "mine.csv"
    assert refuse(desk, path, "mine.csv", Conflict) == (
        f"'{out}' exists already: remove it, or choose another name."
    )
    assert out.read_text() == "precious"
    assert refuse(desk, path, "no/out.csv", InvalidInput) == (
        f"The folder '{desk.folder / 'no'}' does not exist: make it, or choose another."
    )
    assert refuse(desk, path, "out.xlsx", InvalidInput) == (
        "'out.xlsx' does not end in .csv, .jsonl, .parquet: choose one."
    )
    lines = desk.write("in.jsonl")
    assert refuse(desk, lines, "out.csv", InvalidInput) == (
        "Rows of JSON need not have the same columns, as 'out.csv' would: let the output end in "
        ".jsonl."
    )


def test_without_a_version_to_score_with_a_file_is_refused(fake: Desk) -> None:
    path = fake.write("in.csv")
    assert refuse(fake, path, "out.csv", Refused) == (
        "No version serves: deploy one, or name the version to score with by --version; --version "
        "heuristic guesses without a model."
    )
    assert refuse(fake, path, "out.csv", NotFound, version=7)
    registry: Any = fake.registry
    add_version(fake.db, registry)
    fake.release(1)
    assert refuse(fake, path, "out.csv", Refused, scale=Scale(0.0, 1.0)) == (
        "v1 was trained on the scale 0:100 and PLUMBLINE_SCALE is 0:1: set it back, or train again."
    )
    registry.altered.add("hash-1")
    assert refuse(fake, path, "out.csv", Refused) == (
        "v1 cannot score: The artifact hash-1 was altered after it was saved."
    )


def begin(desk: Desk) -> Path:
    """A file of which one part is scored."""
    path = desk.write("in.csv")
    with pytest.raises(Cancelled):
        desk.score(path, "out.csv", stop_after=1)
    return path


def test_what_was_begun_otherwise_is_not_gone_on_with(desk: Desk) -> None:
    path = begin(desk)
    sentence = (
        "'out.csv' was begun with v1 and other options: give the same, or remove 'out.csv.parts' "
        "to begin anew."
    )
    assert refuse(desk, path, "out.csv", InvalidInput, prefix="p_") == sentence
    assert refuse(desk, path, "out.csv", InvalidInput, version=2) == sentence
    path.write_text(path.read_text() + "f,1,2\n")
    assert refuse(desk, path, "out.csv", InvalidInput) == (
        "'in.csv' is not what it was when 'out.csv' was begun: remove 'out.csv.parts' to score it "
        "from its first row."
    )


def test_an_altered_folder_of_parts_is_not_believed(desk: Desk) -> None:
    path = begin(desk)
    manifest = desk.folder / "out.csv.parts" / "manifest.json"
    manifest.write_text("{}")
    assert refuse(desk, path, "out.csv", InvalidInput) == (
        f"'{manifest}' was altered: remove the folder out.csv.parts to score the file anew."
    )


def test_only_one_process_writes_an_output(desk: Desk) -> None:
    path = begin(desk)
    with (desk.folder / "out.csv.parts" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert refuse(desk, path, "out.csv", Conflict) == (
            f"Another process is writing '{desk.folder / 'out.csv'}': let it finish, or end it."
        )


def test_a_file_that_changes_while_it_is_scored_is_refused(desk: Desk) -> None:
    path = desk.write("in.csv")
    request = FileRequest(path, desk.folder / "out.csv")

    def change(share: float, message: str) -> None:
        if share >= 1.0:
            path.write_text(path.read_text() + "f,1,2\n")

    with pytest.raises(InvalidInput) as raised:
        predict_file(
            desk.db,
            desk.registry,
            request,
            scale=HUNDRED,
            now=lambda: NOON,
            timer=lambda: 0.0,
            progress=change,
        )
    assert str(raised.value) == (
        "'in.csv' changed while it was scored: remove 'out.csv.parts' and score it again when it "
        "is whole."
    )
    assert not request.out.exists()


def test_a_folder_that_cannot_be_written_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.write("in.csv")

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    assert refuse(desk, path, "out.csv", Unavailable) == (
        f"'{desk.folder / 'out.csv'}' cannot be written (No space left on device): free some space "
        "or choose another folder. What is scored stays; the same command goes on."
    )


def test_progress_says_rows_and_the_time_that_is_left(desk: Desk) -> None:
    seconds = iter(range(100))
    said: list[str] = []
    predict_file(
        desk.db,
        desk.registry,
        FileRequest(desk.write("in.csv"), desk.folder / "out.csv"),
        scale=HUNDRED,
        now=lambda: NOON,
        timer=lambda: float(next(seconds)),
        progress=lambda share, message: said.append(message),
        rows_per_part=6,
    )
    assert said == [
        "6 rows, 0:01 left",
        "12 rows, 0:01 left",
        "18 rows, 0:00 left",
        "20 rows, 0:00 left",
    ]


def test_the_clock_is_that_of_the_first_attempt(desk: Desk, now: Callable[[], datetime]) -> None:
    begin(desk)
    manifest = msgspec.json.decode((desk.folder / "out.csv.parts" / "manifest.json").read_bytes())
    assert manifest["at"] == now().isoformat().replace("+00:00", "Z")
