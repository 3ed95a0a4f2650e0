"""The registry keeps pipelines that cannot change unnoticed, and says so when MLflow is away."""

import io
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from core.artifacts.artifact import Artifact
from core.artifacts.folder import CARD_FILE, PIPELINE_FILE, SIGNATURE_FILE
from core.domain.dataset import Snapshot
from core.domain.model_card import Card, GoldenRow
from core.domain.training_report import (
    CurvePoint,
    Estimate,
    Gate,
    Metrics,
    NaiveMetrics,
    TrainingReport,
)
from core.domain.version import Version
from core.errors import InvalidInput, NotFound, Refused, Unavailable
from core.registry import Registry
from core.training.recipe_registry import RECIPES
from tests.mlflow_server import RUN_ID, Tracking, run_tracking

# mlflow 3.17 uses a loading strategy that SQLAlchemy 2.1 announces the end of
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

ROWS = [{"size": float(i), "lang": "py" if i % 3 else "go"} for i in range(60)]
TARGET = np.array([40 + i / 2 + (3 if i % 3 else 0) for i in range(60)])


def fit(recipe: str = "baseline") -> Any:
    return RECIPES[recipe].build(0, {}).fit(pd.DataFrame(ROWS), TARGET)


def card(pipeline: Any = None, **changes: Any) -> Card:
    golden: tuple[GoldenRow, ...] = ()
    if pipeline is not None:
        score = float(np.clip(pipeline.predict(ROWS[:1])[0], 0, 100))
        golden = (GoldenRow(ROWS[0], None, score),)
    values: dict[str, Any] = {
        "recipe": "baseline",
        "features": ("lang", "size"),
        "scale_low": 0.0,
        "scale_high": 100.0,
        "tolerance": 5.0,
        "interval_half_width": 4.0,
        "golden": golden,
        "synthetic": False,
    }
    return Card(**(values | changes))


@pytest.fixture
def registry(home: Path) -> Registry:
    return Registry(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")


@pytest.fixture
def saved(registry: Registry) -> str:
    pipeline = fit()
    return registry.save_artifact(pipeline, card(pipeline))


# --- artifacts -----------------------------------------------------------------------------------


def test_importing_the_registry_imports_no_heavy_library() -> None:
    heavy = {"mlflow", "sklearn", "pandas", "skops", "xgboost", "scipy"}
    code = f"import sys, core.registry; print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_making_a_registry_touches_nothing(home: Path) -> None:
    Registry(home / "artifacts", "")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("recipe", ["baseline", "advanced"])
def test_a_loaded_pipeline_scores_exactly_as_the_saved_one(registry: Registry, recipe: str) -> None:
    pipeline = fit(recipe)
    original = Artifact(pipeline, card(pipeline))
    loaded = registry.load_artifact(registry.save_artifact(pipeline, original.card))
    assert loaded.card == original.card
    assert loaded.score(ROWS).tolist() == original.score(ROWS).tolist()
    loaded.verify_golden()


def test_an_artifact_is_a_folder_named_by_its_hash_without_pickle(
    registry: Registry, saved: str
) -> None:
    folder = registry.artifact_folder(saved)
    assert folder.name == saved
    assert {path.name for path in folder.iterdir()} == {PIPELINE_FILE, CARD_FILE, SIGNATURE_FILE}
    assert [path.name for path in registry.artifacts.iterdir()] == [saved]
    with zipfile.ZipFile(folder / PIPELINE_FILE) as archive:
        assert not [name for name in archive.namelist() if "pkl" in name or "pickle" in name]


def test_one_changed_byte_is_refused_before_anything_is_parsed(
    registry: Registry, saved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*_: object, **__: object) -> None:
        raise AssertionError("parsed before it was verified")

    path = registry.artifact_folder(saved) / PIPELINE_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(skops.io, "loads", parse)
    monkeypatch.setattr("core.artifacts.folder.check_content", parse)
    with pytest.raises(Refused, match="altered"):
        registry.load_artifact(saved)


def test_a_changed_card_is_refused(registry: Registry, saved: str) -> None:
    path = registry.artifact_folder(saved) / CARD_FILE
    path.write_bytes(path.read_bytes().replace(b'"scale_high":100.0', b'"scale_high":1000.'))
    with pytest.raises(Refused, match="altered"):
        registry.load_artifact(saved)


def test_what_is_not_there_is_not_found(registry: Registry, saved: str) -> None:
    with pytest.raises(NotFound, match="restore it"):
        registry.load_artifact("0" * 64)
    (registry.artifact_folder(saved) / CARD_FILE).unlink()
    with pytest.raises(NotFound):
        registry.load_artifact(saved)


@pytest.mark.parametrize("name", ["", "../../etc", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_hash_names_an_artifact(registry: Registry, name: str) -> None:
    with pytest.raises(NotFound, match="not the hash"):
        registry.load_artifact(name)


def test_a_pipeline_with_a_foreign_function_is_not_saved(registry: Registry) -> None:
    strange = Pipeline([("first", FunctionTransformer(os.getcwd)), ("model", fit()["model"])])
    with pytest.raises(Refused, match=r"posix\.getcwd.*core/artifacts/allowed\.py"):
        registry.save_artifact(strange, card())
    assert not registry.artifacts.exists()


def test_a_class_of_another_place_is_refused_with_what_to_do(registry: Registry) -> None:
    class Local:
        def predict(self, rows: object) -> list[float]:
            return [1.0]

    with pytest.raises(Refused, match="baseline"):
        registry.save_artifact(Local(), card())


def test_a_golden_row_that_scores_differently_is_refused(registry: Registry) -> None:
    pipeline = fit()
    good = card(pipeline).golden[0]
    wrong = card(golden=(good, GoldenRow(ROWS[1], None, good.score + 1)))
    with pytest.raises(Refused, match="golden row 2"):
        registry.save_artifact(pipeline, wrong)
    almost = card(golden=(GoldenRow(good.features, None, good.score + 5e-7),))
    Artifact(pipeline, almost).verify_golden()


def test_a_golden_score_that_is_no_number_is_refused() -> None:
    class Broken:
        def predict(self, rows: list[object]) -> np.ndarray[Any, Any]:
            return np.full(len(rows), np.nan)

    with pytest.raises(Refused, match="golden row 1"):
        Artifact(Broken(), card(golden=(GoldenRow(ROWS[0], None, 50.0),))).verify_golden()


def test_scores_are_clipped_to_the_scale_and_unknown_names_are_ignored() -> None:
    artifact = Artifact(fit(), card())
    scores = artifact.score([{"size": 1e6, "lang": "py", "other": "x"}, {"size": -1e6}, {}])
    assert scores[:2].tolist() == [100.0, 0.0]
    assert 0 < scores[2] < 100
    assert artifact.score([]).shape == (0,)


def test_where_the_folder_cannot_be_written_nothing_is_left(home: Path) -> None:
    (home / "artifacts").write_text("a file stands in the way")
    pipeline = fit()
    with pytest.raises(Unavailable, match="cannot be written"):
        Registry(home / "artifacts", "").save_artifact(pipeline, card(pipeline))


def test_a_full_disk_leaves_no_half_artifact(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    pipeline = fit()
    monkeypatch.setattr("core.artifacts.folder.os.fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        registry.save_artifact(pipeline, card(pipeline))
    assert list(registry.artifacts.iterdir()) == []


def test_what_a_killed_process_left_behind_is_removed_after_a_day(registry: Registry) -> None:
    old, young = registry.artifacts / ".partial-old", registry.artifacts / ".partial-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    yesterday = young.stat().st_mtime - 90_000
    os.utime(old, (yesterday, yesterday))
    pipeline = fit()
    registry.save_artifact(pipeline, card(pipeline))
    assert not old.exists()
    assert young.exists()


def test_an_artifact_of_other_libraries_is_refused_with_a_sentence(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", "{}")
    monkeypatch.setattr(skops.io, "dumps", lambda _, **__: buffer.getvalue())
    with pytest.raises(Refused, match="cannot be read by the libraries"):
        registry.save_artifact(fit(), card())


# --- runs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store, which takes 10 s to make and 0.1 s to copy."""
    folder = tmp_path_factory.mktemp("mlflow")
    Registry(folder / "artifacts", "", experiment="template").prepare()
    with sqlite3.connect(folder / "mlflow.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return folder / "mlflow.db"


@pytest.fixture
def tracking(registry: Registry, home: Path, template: Path) -> Iterator[Registry]:
    shutil.copy(template, home / "mlflow.db")
    yield registry
    if registry._opened is not None:
        registry._opened._tracking_client.store.engine.dispose()


def report(mae: float = 4.0, *, passed: bool = True, recipe: str = "baseline") -> TrainingReport:
    figure = Estimate(mae, mae - 1, mae + 1)
    return TrainingReport(
        recipe=recipe,
        seed=7,
        n_train=80,
        n_holdout=20,
        split="time",
        split_reason="By time.",
        features_available=("lang", "size"),
        features_selected=("lang", "size"),
        importance={"size": 1.0},
        search={"n_combinations": 3, "n_folds": 5, "best": {"n_trees": 12}},
        metrics=Metrics(figure, figure, None, Estimate(0.8, 0.7, 0.9), Estimate(0.5, 0.4, 0.6)),
        champion_mae=None,
        naive={"mean": NaiveMetrics(50.0, 8.0, 10.0, 0.3)},
        cv={"mae": {"mean": 4.5, "std": 0.2}},
        gate=Gate(passed, ("Passed: all is well.",)),
        tolerance=5.0,
        scale_low=0.0,
        scale_high=100.0,
        synthetic=False,
        overrides=(),
        summary="Better than always guessing the mean.",
        seconds=12.5,
        learning_curve=tuple(CurvePoint(n, Estimate(160 / n, 1.0, 9.0)) for n in (20, 40)),
        environment={"numpy": "2.4"},
        commit="abc",
    )


def version(number: int, artifact_hash: str, at: datetime, **changes: Any) -> Version:
    return Version(number, 1, None, artifact_hash, report(**changes), at, "ana")


def snapshot(at: datetime) -> Snapshot:
    return Snapshot(1, "5" * 64, "snapshots/x", 100, 0, ("lang", "size"), {}, None, None, at, "ana")


@pytest.mark.slow
def test_a_run_holds_figures_parameters_tags_and_the_artifact(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    run_id = tracking.log_run(version(3, saved, now()), snapshot(now()))
    client, _ = tracking._client()
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.end_time == now().timestamp() * 1000
    assert run.info.end_time - run.info.start_time == 12_500
    assert run.data.metrics["mae"] == 4.0
    assert run.data.metrics["mae_low"] == 3.0
    assert run.data.metrics["mae_high"] == 5.0
    assert run.data.metrics["naive_mean_mae"] == 8.0
    assert run.data.metrics["cv_mae_std"] == 0.2
    assert "r2" not in run.data.metrics
    assert run.data.params["search_n_trees"] == "12"
    assert run.data.params["snapshot"] == "5" * 64
    assert run.data.params["library_numpy"] == "2.4"
    assert run.data.tags["commit"] == "abc"
    curve = client.get_metric_history(run_id, "learning_curve_mae")
    assert [(point.step, point.value) for point in curve] == [(20, 8.0), (40, 4.0)]
    assert run.data.tags["artifact_hash"] == saved
    assert run.data.tags["gate"] == "passed"
    assert {item.path for item in client.list_artifacts(run_id)} == {"model", "report.json"}
    assert {item.path for item in client.list_artifacts(run_id, "model")} == {
        f"model/{PIPELINE_FILE}",
        f"model/{CARD_FILE}",
    }
    stored = client.search_model_versions("name = 'plumbline'")
    assert [(found.version, found.tags["version"]) for found in stored] == [(1, "v3")]


@pytest.mark.slow
def test_recording_a_version_twice_keeps_its_run(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    first = tracking.log_run(version(1, saved, now()), snapshot(now()))
    again = Registry(tracking.artifacts, tracking.tracking_uri.reveal())
    assert again.log_run(version(1, saved, now()), snapshot(now())) == first
    assert len(tracking.list_runs()) == 1
    again._client()[0]._tracking_client.store.engine.dispose()


@pytest.mark.slow
def test_recording_a_version_again_replaces_its_report_which_an_erasure_may_have_changed(
    tracking: Registry, home: Path, saved: str, now: Callable[[], datetime]
) -> None:
    known = version(1, saved, now())
    run_id = tracking.log_run(known, snapshot(now()))
    left = replace(known, report=replace(known.report, summary="Worse for [erased]."))
    assert tracking.log_run(left, snapshot(now())) == run_id
    client, _ = tracking._client()
    assert client.get_run(run_id).data.tags["summary"] == "Worse for [erased]."
    [report] = (home / "mlflow").rglob("report.json")
    assert b"Worse for [erased]." in report.read_bytes()


@pytest.mark.slow
def test_runs_come_in_pages_in_the_order_that_was_asked_for(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    for number, mae in enumerate([4.0, 2.0, 6.0], start=1):
        at = now() + timedelta(minutes=number)
        changes: dict[str, Any] = {"mae": mae, "passed": mae < 5}
        tracking.log_run(version(number, saved, at, **changes), snapshot(now()))
    newest = tracking.list_runs(2)
    assert [run.version for run in newest] == [3, 2]
    assert newest[0].passed is False
    assert newest[0].started_at == now() + timedelta(minutes=3, seconds=-12.5)
    assert newest[0].seconds == 12.5
    assert newest[0].metrics["mae"] == 6.0
    page = tracking.load_run_page(2, sort="mae", descending=False)
    assert [run.metrics["mae"] for run in page.runs] == [2.0, 4.0]
    rest = tracking.load_run_page(2, sort="mae", descending=False, token=page.next_token)
    assert [run.metrics["mae"] for run in rest.runs] == [6.0]
    assert rest.next_token is None
    assert msgspec.to_builtins(newest)[0]["recipe"] == "baseline"
    with pytest.raises(InvalidInput, match="cannot be sorted by 'colour'"):
        tracking.list_runs(sort="colour")
    client, _ = tracking._client()
    client.set_tag(newest[0].run_id, "version", "the best one")  # as anybody may in MLflow
    assert [run.version for run in tracking.list_runs(2)] == [None, 2]


@pytest.mark.slow
def test_the_alias_follows_the_champion_and_leaves_for_the_heuristic(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    tracking.mirror_alias(0)  # before any model is registered: nothing to do
    for number in (1, 2):
        tracking.log_run(version(number, saved, now()), snapshot(now()))
    client, _ = tracking._client()
    for number in (2, 1):
        tracking.mirror_alias(number)
        found = client.get_model_version_by_alias("plumbline", "champion")
        assert found.tags["version"] == f"v{number}"
    tracking.mirror_alias(0)
    assert client.get_registered_model("plumbline").aliases == {}
    with pytest.raises(Unavailable, match="v9 is not in MLflow yet"):
        tracking.mirror_alias(9)


@pytest.mark.slow
def test_preparing_sets_wal_so_that_readers_pass_the_writer(tracking: Registry, home: Path) -> None:
    tracking.prepare()
    with sqlite3.connect(home / "mlflow.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.slow
def test_recording_a_run_tells_sqlite_how_its_tables_have_grown(
    tracking: Registry, home: Path, saved: str, now: Callable[[], datetime]
) -> None:
    tracking.log_run(version(1, saved, now()), snapshot(now()))
    with sqlite3.connect(home / "mlflow.db") as connection:
        tables = {row[0] for row in connection.execute("SELECT tbl FROM sqlite_stat1")}
    connection.close()
    assert {"runs", "latest_metrics", "params", "tags"} <= tables


def test_a_file_that_is_no_store_is_unavailable_at_once(registry: Registry, home: Path) -> None:
    (home / "mlflow.db").write_text("this is no database, " * 100)
    with pytest.raises(Unavailable, match="PLUMBLINE_MLFLOW_URI"):
        registry.prepare()


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_unavailable_and_keeps_its_password(home: Path) -> None:
    registry = Registry(home / "artifacts", "http://ana:secret@127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be used") as caught:
        registry.list_runs()
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_a_run_that_was_left_half_is_taken_away_by_the_next_attempt(
    tracking: Registry,
    saved: str,
    now: Callable[[], datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk is full while the artifact is copied; the next synchronisation records all of it."""
    client, experiment_id = tracking._client()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            tracking.log_run(version(2, saved, now()), snapshot(now()))
    assert client.search_model_versions("name = 'plumbline'") == []
    run_id = tracking.log_run(version(2, saved, now()), snapshot(now()))
    assert [run.info.run_id for run in client.search_runs([experiment_id])] == [run_id]
    assert client.get_run(run_id).info.status == "FINISHED"
    assert len(client.search_model_versions("name = 'plumbline'")) == 1


# --- a server that chooses an address ------------------------------------------------------------


@pytest.fixture
def servers() -> Iterator[tuple[Tracking, Tracking]]:
    """A tracking server, and another one that nobody named."""
    with run_tracking() as tracking, run_tracking() as other:
        yield tracking, other


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "file://{folder}",
        "{folder}",
        "file://localhost{folder}",
        "file://{home}/mlflow/../../elsewhere",
        "{other}/x",
        "mlflow-artifacts://{other_host}/x",
        "mlflow-artifacts://ana:pw@{other_host}/x",
        "s3://bucket/x",
        "sftp://{other_host}/x",
        "dbfs:/x",
        "runs:/x/y",
        "",
    ],
)
def test_a_server_cannot_choose_where_files_are_written(
    registry: Registry,
    saved: str,
    now: Callable[[], datetime],
    tmp_path: Path,
    servers: tuple[Tracking, Tracking],
    address: str,
) -> None:
    tracking, other = servers
    folder = tmp_path / "elsewhere"
    tracking.artifact_uri = address.format(
        folder=folder,
        home=tmp_path / "home",
        other=other.url,
        other_host=other.url.removeprefix("http://"),
    )
    before = sorted(tmp_path.rglob("*"))
    known = Registry(registry.artifacts, tracking.url)
    run_id = known.log_run(version(1, saved, now()), snapshot(now()))
    assert run_id == RUN_ID
    assert sorted(tmp_path.rglob("*")) == before
    assert other.asked == []
    assert tracking.uploads() == []
    assert any(b"not recorded" in body for body in tracking.bodies("runs/set-tag"))
    assert len(tracking.bodies("runs/log-batch")) == 1  # its figures are there all the same
    assert len(tracking.bodies("runs/update")) == 1


@pytest.mark.slow
def test_a_server_gets_the_files_at_its_own_address(
    registry: Registry,
    saved: str,
    now: Callable[[], datetime],
    servers: tuple[Tracking, Tracking],
) -> None:
    tracking, _ = servers
    tracking.artifact_uri = "mlflow-artifacts:/1/r/artifacts"
    Registry(registry.artifacts, tracking.url).log_run(version(1, saved, now()), snapshot(now()))
    root = "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts"
    assert tracking.uploads() == [
        f"{root}/model/{PIPELINE_FILE}",
        f"{root}/model/{CARD_FILE}",
        f"{root}/report.json",
    ]
    [sent] = tracking.bodies(f"model/{PIPELINE_FILE}")
    assert sent == (registry.artifact_folder(saved) / PIPELINE_FILE).read_bytes()
    assert tracking.bodies("runs/set-tag") == []


@pytest.mark.slow
def test_a_server_cannot_send_the_files_to_another_one(
    registry: Registry,
    saved: str,
    now: Callable[[], datetime],
    servers: tuple[Tracking, Tracking],
) -> None:
    tracking, other = servers
    tracking.artifact_uri = "mlflow-artifacts:/1/r/artifacts"
    tracking.moved_to = f"{other.url}/x"
    Registry(registry.artifacts, tracking.url).log_run(version(1, saved, now()), snapshot(now()))
    assert len(tracking.uploads()) == 3
    assert other.asked == []


@pytest.mark.slow
@pytest.mark.parametrize("location", ["file://{folder}", "s3://bucket/x"])
def test_a_store_of_another_place_does_not_choose_where_files_are_written(
    tracking: Registry,
    saved: str,
    now: Callable[[], datetime],
    home: Path,
    tmp_path: Path,
    location: str,
) -> None:
    """As in a home that was restored at another path: its experiment names the old one."""
    tracking.prepare()
    elsewhere = location.format(folder=tmp_path / "elsewhere")
    with closing(sqlite3.connect(home / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = ?", (elsewhere,))
    again = Registry(tracking.artifacts, tracking.tracking_uri.reveal())
    run_id = again.log_run(version(1, saved, now()), snapshot(now()))
    tags = again._client()[0].get_run(run_id).data.tags
    again._client()[0]._tracking_client.store.engine.dispose()
    assert not (tmp_path / "elsewhere").exists()
    assert ("files" in tags) == elsewhere.startswith("s3:")
    files = home / "mlflow" / run_id / "artifacts"
    assert (files / "model" / PIPELINE_FILE).exists() == elsewhere.startswith("file:")
    assert (files / "report.json").exists() == elsewhere.startswith("file:")


@pytest.mark.slow
def test_notes_and_tags_of_people_stand_on_the_run_and_go_with_them(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    run_id = tracking.log_run(version(1, saved, now()), snapshot(now()))
    client, _ = tracking._client()
    tracking.mirror_notes(run_id, "Better on **go**.", ("good", "for review"))
    tags = client.get_run(run_id).data.tags
    assert tags["mlflow.note.content"] == "Better on **go**."
    assert {"tag.good", "tag.for review"} <= set(tags)
    tracking.mirror_notes(run_id, "", ("good",))
    tags = client.get_run(run_id).data.tags
    assert tags["mlflow.note.content"] == ""
    assert "tag.good" in tags
    assert "tag.for review" not in tags
    assert tags["gate"] == "passed"  # what the training said stays


def test_counting_again_reaches_connections_that_are_open(home: Path) -> None:
    """A dashboard that runs for weeks plans by the counts of when it first looked, until
    the schema's version moves; the plan for one run takes minutes for 10,000."""
    path = home / "mlflow.db"
    registry = Registry(home / "artifacts", f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        for table in ("runs", "latest_metrics", "params", "tags"):
            reader.execute(f"CREATE TABLE {table} (id INTEGER, name TEXT)")
            reader.execute(f"CREATE INDEX by_name_{table} ON {table} (name)")
            reader.execute(f"INSERT INTO {table} VALUES (1, 'one')")
        registry.count_rows()
        reader.execute("INSERT INTO runs SELECT 1, 'one' FROM pragma_function_list LIMIT 50")
        before = reader.execute("PRAGMA schema_version").fetchone()[0]
        registry.count_rows()
        assert reader.execute("PRAGMA schema_version").fetchone()[0] > before
        counted = reader.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = 'runs'").fetchall()
        assert counted == [("51 51",)]


# --- what people do in MLflow by hand, and where the home folder goes ----------------------------


def test_an_experiment_that_was_deleted_is_restored_with_its_runs(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    run_id = tracking.log_run(version(1, saved, now()), snapshot(now()))
    client, experiment_id = tracking._client()
    client.delete_experiment(experiment_id)
    assert [run.run_id for run in tracking.list_runs()] == [run_id]
    assert tracking.log_run(version(2, saved, now()), snapshot(now())) != run_id


def test_an_experiment_that_was_renamed_is_followed(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    run_id = tracking.log_run(version(1, saved, now()), snapshot(now()))
    client, experiment_id = tracking._client()
    client.rename_experiment(experiment_id, "quality of answers")
    assert tracking._client()[1] == experiment_id
    assert [run.run_id for run in tracking.list_runs()] == [run_id]


def test_an_experiment_that_was_collected_as_garbage_is_made_anew(
    tracking: Registry, home: Path, saved: str, now: Callable[[], datetime]
) -> None:
    run_id = tracking.log_run(version(1, saved, now()), snapshot(now()))
    client, experiment_id = tracking._client()
    client.delete_experiment(experiment_id)
    client._tracking_client.store._hard_delete_experiment(experiment_id)
    assert tracking.list_runs() == []
    assert tracking.find_lost_runs([run_id]) == [run_id]
    again = tracking.log_run(version(1, saved, now()), snapshot(now()))
    assert [run.run_id for run in tracking.list_runs()] == [again]


def test_a_run_that_was_deleted_is_found_and_recorded_again(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    ids = [tracking.log_run(version(n, saved, now()), snapshot(now())) for n in (1, 2)]
    client, _ = tracking._client()
    client.delete_run(ids[0])
    assert tracking.find_lost_runs([*ids, "0" * 32]) == [ids[0], "0" * 32]
    assert tracking.log_run(version(1, saved, now()), snapshot(now())) not in ids


@pytest.mark.parametrize("what", ["version", "model"])
def test_a_registered_version_that_was_deleted_is_registered_again_for_the_alias(
    tracking: Registry, saved: str, now: Callable[[], datetime], what: str
) -> None:
    run_id = tracking.log_run(version(1, saved, now()), snapshot(now()))
    client, _ = tracking._client()
    if what == "model":
        client.delete_registered_model("plumbline")
    else:
        client.delete_model_version("plumbline", "1")
    tracking.mirror_alias(1)
    assert client.get_model_version_by_alias("plumbline", "champion").run_id == run_id


def test_an_alias_that_was_moved_by_hand_is_put_back(
    tracking: Registry, saved: str, now: Callable[[], datetime]
) -> None:
    ids = [tracking.log_run(version(n, saved, now()), snapshot(now())) for n in (1, 2)]
    tracking.mirror_alias(1)
    client, _ = tracking._client()
    client.set_registered_model_alias("plumbline", "champion", "2")
    tracking.mirror_alias(1)
    assert client.get_model_version_by_alias("plumbline", "champion").run_id == ids[0]


def test_where_files_cannot_be_written_no_run_is_left(
    tracking: Registry, home: Path, saved: str, now: Callable[[], datetime]
) -> None:
    (home / "mlflow").write_text("in the way")
    for _ in range(3):
        with pytest.raises(Unavailable, match="File exists"):
            tracking.log_run(version(1, saved, now()), snapshot(now()))
    client, experiment_id = tracking._client()
    assert client.search_runs([experiment_id], run_view_type=3) == []


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_home_that_was_moved_or_copied_keeps_to_its_own_files(
    tracking: Registry, home: Path, saved: str, now: Callable[[], datetime], how: str
) -> None:
    tracking.log_run(version(1, saved, now()), snapshot(now()))
    tracking._opened._tracking_client.store.engine.dispose()
    there = home.with_name("there")
    (shutil.copytree if how == "copied" else shutil.move)(home, there)
    before = {path for path in home.rglob("*") if path.is_file()} if how == "copied" else set()
    moved = Registry(there / "artifacts", f"sqlite:///{there / 'mlflow.db'}")
    moved.log_run(version(1, saved, now()), snapshot(now()))  # writes its report again
    moved.log_run(version(2, saved, now()), snapshot(now()))
    client, experiment_id = moved._client()
    addresses = [run.info.artifact_uri for run in client.search_runs([experiment_id])]
    found = client.search_model_versions("name = 'plumbline'")
    addresses += [one.source for one in found]
    assert len(addresses) == 4
    assert all(address.startswith((there / "mlflow").as_uri() + "/") for address in addresses)
    assert {path for path in home.rglob("*") if path.is_file()} == before
    client._tracking_client.store.engine.dispose()
