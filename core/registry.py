"""Fitted pipelines as files that cannot change unnoticed, and their runs in MLflow."""

import json
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from core.artifacts.folder import CARD_FILE, PIPELINE_FILE, ArtifactFolder
from core.domain.dataset import Snapshot
from core.domain.training_report import Estimate, TrainingReport
from core.domain.version import HEURISTIC, Version, parse_version, version_name
from core.errors import InvalidInput, Unavailable
from core.log import get_logger
from core.safety.masking import Hides, Secret, mask

log = get_logger(__name__)

RUN_SORTS = {
    "started_at": "attributes.start_time",
    "version": "metrics.version",
    "recipe": "params.recipe",
    **{name: f"metrics.{name}" for name in ("mae", "rmse", "r2", "accuracy", "skill", "seconds")},
}
"""What runs can be sorted by, and what MLflow calls it."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of the list of runs; figures by name, each limit as NAME_low and NAME_high."""

    run_id: str
    version: int | None
    recipe: str
    status: str
    started_at: datetime
    seconds: float | None
    passed: bool | None  # the gate's verdict
    metrics: Mapping[str, float]
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, and where the next ones begin; None after the last."""

    runs: list[RunSummary]
    next_token: str | None
    experiment_id: str  # part of a run's address in MLflow's own pages


class Registry(ArtifactFolder):
    """The artifacts of one home folder, with the tracking server next to it. Nothing is opened
    before a method needs it; threads may share one instance."""

    def __init__(
        self,
        artifacts: Path,
        tracking_uri: str,
        experiment: str = "plumbline",
        signing_key: str = "",
    ) -> None:
        super().__init__(artifacts, signing_key)
        self.tracking_uri = Secret(
            tracking_uri or f"sqlite:///{artifacts.parent / 'mlflow.db'}", Hides.LOGIN
        )
        self.experiment = experiment
        self._lock = threading.Lock()
        self._opened: tuple[Any, str] | None = None

    # --- runs --------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the tracking store where there is none yet (10 s). Raises `Unavailable`."""
        self._client()

    def log_run(self, version: Version, snapshot: Snapshot) -> str:
        """Record a version as an MLflow run (parameters, figures with their limits, the learning
        curve, the snapshot's hash, libraries and commit, the artifact) and as a registered model
        version; the run's id. A version that is recorded already keeps its run, whose report is
        written anew, since an erasure may have changed it; one that an attempt has left half is
        taken away. Where MLflow wants the files at an address of its own choice,
        the run has none, and its tag `files` says so. Raises `Unavailable`."""
        client, experiment_id = self._client()
        with _as_unavailable(self.tracking_uri.masked):
            for known in client.search_runs(
                [experiment_id],
                f"tags.artifact_hash = '{version.artifact_hash}' and tags.version = "
                f"'{version.name}'",
            ):
                if known.info.status == "FINISHED":
                    self._replace_report(client, known, version)
                    return str(known.info.run_id)
                client.delete_run(known.info.run_id)
            run_id, artifact_uri = _log_run(client, experiment_id, version, snapshot)
            self._log_files(client, run_id, artifact_uri, version)
            _register(client, self.experiment, run_id, artifact_uri, version)
        self.count_rows()
        return run_id

    def mirror_alias(self, version_number: int) -> None:
        """Point the registered model's alias `champion` at a version, or at none where the
        heuristic serves. A mirror only: nothing reads it back. Raises `Unavailable`."""
        client, _ = self._client()
        name = self.experiment
        with _as_unavailable(self.tracking_uri.masked):
            if version_number == HEURISTIC:
                if client.search_registered_models(f"name = '{name}'", max_results=1):
                    client.delete_registered_model_alias(name, "champion")
                return
            found = client.search_model_versions(
                f"name = '{name}' and tags.version = '{version_name(version_number)}'",
                max_results=1,
            )
            if not found:
                raise Unavailable(
                    f"{version_name(version_number)} is not in MLflow yet, so that its alias "
                    "cannot point there; it does once the run is recorded."
                )
            client.set_registered_model_alias(name, "champion", found[0].version)

    def mirror_notes(self, run_id: str, text: str, tags: Sequence[str]) -> None:
        """Make `text` a run's description, and `tags` its only tags that people gave, each written
        as `tag.NAME`. Raises `Unavailable`."""
        client, _ = self._client()
        with _as_unavailable(self.tracking_uri.masked):
            known = client.get_run(run_id).data.tags
            client.set_tag(run_id, "mlflow.note.content", text)
            for tag in tags:
                client.set_tag(run_id, f"tag.{tag}", "true")
            for key in known:
                if key.startswith("tag.") and key.removeprefix("tag.") not in tags:
                    client.delete_tag(run_id, key)

    def list_runs(
        self, limit: int = 50, *, sort: str = "started_at", descending: bool = True
    ) -> list[RunSummary]:
        """The first runs of an order that the store itself sorts by; see `load_run_page`."""
        return self.load_run_page(limit, sort=sort, descending=descending).runs

    def load_run_page(
        self,
        limit: int = 50,
        *,
        sort: str = "started_at",
        descending: bool = True,
        token: str | None = None,
    ) -> RunPage:
        """A page of runs, sorted by one of started_at, version, recipe, mae, rmse, r2, accuracy,
        skill and seconds; `token` is the former page's `next_token`. Raises `InvalidInput` for
        another order, `Unavailable`."""
        if sort not in RUN_SORTS:
            raise InvalidInput(f"Runs cannot be sorted by '{sort}': choose {', '.join(RUN_SORTS)}.")
        client, experiment_id = self._client()
        order = f"{RUN_SORTS[sort]} {'DESC' if descending else 'ASC'}"
        with _as_unavailable(self.tracking_uri.masked):
            page = client.search_runs(
                [experiment_id], max_results=limit, order_by=[order], page_token=token
            )
        return RunPage([_summary(run) for run in page], page.token or None, experiment_id)

    def count_rows(self) -> None:
        """Tell SQLite how its tables have grown: without, sorting 10,000 runs by a figure takes
        13 s instead of 0.1 s. The counts are made as new tables, since connections that are open
        read them again only when a table comes or goes."""
        uri = self.tracking_uri.reveal()
        if uri.startswith("sqlite:///"):
            with _open_sqlite(Path(uri.removeprefix("sqlite:///"))) as connection:
                connection.execute("PRAGMA analysis_limit = 400")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DROP TABLE IF EXISTS sqlite_stat1")
                for table in ("runs", "latest_metrics", "params", "tags"):
                    connection.execute(f"ANALYZE {table}")

    def _log_files(self, client: Any, run_id: str, artifact_uri: str, version: Version) -> None:
        files = _open_files(artifact_uri, self.tracking_uri.reveal(), self._files)
        if files is None:
            log.warning("mlflow_files_not_recorded", run_id=run_id, address=artifact_uri)
            client.set_tag(
                run_id, "files", f"not recorded: {artifact_uri[:200]} is no place of ours"
            )
            return
        folder = self.artifact_folder(version.artifact_hash)
        for name in (PIPELINE_FILE, CARD_FILE):
            files.log_artifact(str(folder / name), "model")
        _log_report(files, version)

    def _replace_report(self, client: Any, run: Any, version: Version) -> None:
        client.set_tag(run.info.run_id, "summary", version.report.summary[:5000])
        files = _open_files(run.info.artifact_uri, self.tracking_uri.reveal(), self._files)
        if files is not None:
            _log_report(files, version)

    @property
    def _files(self) -> Path:
        """Return the folder of the runs' files: next to MLflow's own SQLite file, else in home."""
        _, is_sqlite, file = self.tracking_uri.reveal().rpartition("sqlite:///")
        beside = Path(file) if is_sqlite else self.artifacts
        return beside.resolve().parent / "mlflow"

    def _client(self) -> tuple[Any, str]:
        """MLflow's client and the experiment's id, opened once."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> tuple[Any, str]:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # else minutes to say "down"
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        # a server may not send us, a password or the files to another one
        os.environ.setdefault("MLFLOW_ALLOW_HTTP_REDIRECTS", "false")
        os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
        uri = self.tracking_uri.reveal()
        location = None if _is_server(uri) else self._files.as_uri()
        local = uri.removeprefix("sqlite:///")
        if local != uri:
            with _open_sqlite(Path(local)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")  # readers pass the writer
        import mlflow.store.db.utils  # 5 s and 86 libraries: only where runs are read or written
        from mlflow import MlflowClient

        mlflow.store.db.utils.MAX_RETRY_COUNT = 4  # 10 would be 100 s for a database that is down
        with _as_unavailable(self.tracking_uri.masked):
            client = MlflowClient(uri, uri)
            found = client.get_experiment_by_name(self.experiment)
            if found is not None:
                if local != uri and found.artifact_location != location:
                    _move_files(Path(local), self.experiment, str(location))
                return client, found.experiment_id
            return client, client.create_experiment(self.experiment, location)


def _is_server(tracking_uri: str) -> bool:
    return tracking_uri.startswith(("http://", "https://"))


def _move_files(file: Path, experiment: str, location: str) -> None:
    """Put the files of runs to come where the home folder is by now: MLflow keeps the address that
    it had when the experiment began."""
    with _open_sqlite(file) as connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE name = ? "
            "AND artifact_location LIKE 'file:%'",
            (location, experiment),
        )


def _open_files(artifact_uri: str, tracking_uri: str, root: Path) -> Any | None:
    """MLflow's access to the files of a run. The address is MLflow's answer, which names any host
    or folder it likes: None unless it is the tracking server itself, or below `root` where there
    is no server."""
    address = urlsplit(artifact_uri)
    if _is_server(tracking_uri):
        if address.scheme != "mlflow-artifacts" or address.netloc:
            return None
        # with mlflow, which is loaded by now
        from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

        return MlflowArtifactsRepository(artifact_uri, tracking_uri)
    folder = Path(unquote(address.path)).resolve()
    if address.scheme != "file" or address.netloc or root not in folder.parents:
        return None
    # with mlflow, which is loaded by now
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    return LocalArtifactRepository(folder.as_uri())


def _log_report(files: Any, version: Version) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        report.write_bytes(msgspec.json.encode(version.report))
        files.log_artifact(str(report))


@contextmanager
def _open_sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    """MLflow's own SQLite file. Where it cannot be used this says so in milliseconds, and MLflow
    would try for 100 s."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=20)
        try:
            with connection:
                yield connection
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise _unavailable(str(path), error) from error


@contextmanager
def _as_unavailable(tracking_uri: str) -> Iterator[None]:
    import sqlalchemy.exc  # with mlflow, which is loaded by now
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    try:
        yield
    except (MlflowException, RequestException, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        raise _unavailable(tracking_uri, error) from error


def _unavailable(place: str, error: Exception) -> Unavailable:
    lines = mask(str(error)).strip().splitlines()
    detail = lines[0][:200] if lines else type(error).__name__
    return Unavailable(
        f"MLflow at {place} cannot be used ({detail}): check PLUMBLINE_MLFLOW_URI and that the "
        "server runs; training and serving go on without it."
    )


def _log_run(
    client: Any, experiment_id: str, version: Version, snapshot: Snapshot
) -> tuple[str, str]:
    """A new run with its figures; its id, and where MLflow wants its files."""
    # Not at the top: MLflow takes 5 s to import, which only tracking should cost.
    from mlflow.entities import Metric, Param, RunTag

    report = version.report
    ended_ms = round(version.created_at.timestamp() * 1000)
    run = client.create_run(
        experiment_id,
        ended_ms - round(report.seconds * 1000),
        tags=_name_version(version),  # from the start, so that one that is left half is found
        run_name=version.name,
    )
    run_id = str(run.info.run_id)
    tags = {
        "snapshot_hash": snapshot.content_hash,
        "gate": "passed" if report.gate.passed else "refused",
        "summary": report.summary,
        "synthetic": str(report.synthetic).lower(),
        "mlflow.user": version.created_by,
        "commit": report.commit,
    }
    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, ended_ms, 0)
            for name, value in {"version": version.number, **_metrics(report)}.items()
        ]
        + [
            Metric("learning_curve_mae", point.mae.value, ended_ms, point.n_rows)
            for point in report.learning_curve
        ],
        params=[Param(name, value[:5000]) for name, value in _params(report, snapshot).items()],
        tags=[RunTag(name, value[:5000]) for name, value in tags.items()],
    )
    return run_id, str(run.info.artifact_uri)


def _register(client: Any, model: str, run_id: str, artifact_uri: str, version: Version) -> None:
    """Make a run a version of the registered model, and end it."""
    # with mlflow, which is loaded by now
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    client.create_model_version(
        model,
        f"{artifact_uri}/model",
        run_id,
        tags=_name_version(version),
        await_creation_for=0,
    )
    ended_ms = round(version.created_at.timestamp() * 1000)
    client.set_terminated(run_id, "FINISHED", ended_ms)  # last: what is finished is whole


def _name_version(version: Version) -> dict[str, str]:
    return {"version": version.name, "artifact_hash": version.artifact_hash}


def _metrics(report: TrainingReport) -> dict[str, float]:
    """Every figure by name; one that does not exist is left out."""
    figures: dict[str, Estimate | None] = {
        "mae": report.metrics.mae,
        "rmse": report.metrics.rmse,
        "r2": report.metrics.r2,
        "accuracy": report.metrics.accuracy,
        "skill": report.metrics.skill,
        "champion_mae": report.champion_mae,
        "improvement": report.improvement,
        "interval_coverage": report.interval_coverage,
    }
    found = {"seconds": report.seconds}
    for name, figure in figures.items():
        if figure is not None:
            found[name] = figure.value
            found[f"{name}_low"] = figure.low
            found[f"{name}_high"] = figure.high
    for guess, naive in report.naive.items():
        found[f"naive_{guess}_mae"] = naive.mae
    for name, parts in report.cv.items():
        found.update({f"cv_{name}_{part}": value for part, value in parts.items()})
    if report.random_split_mae is not None:
        found["random_split_mae"] = report.random_split_mae
    return found


def _params(report: TrainingReport, snapshot: Snapshot) -> dict[str, str]:
    best = report.search.get("best")
    searched = best if isinstance(best, Mapping) else {}
    return {
        "recipe": report.recipe,
        "seed": str(report.seed),
        "split": report.split,
        "n_train": str(report.n_train),
        "n_holdout": str(report.n_holdout),
        "n_features": str(len(report.features_selected)),
        "features": json.dumps(report.features_selected, ensure_ascii=False),
        "scale": f"{report.scale_low:g}:{report.scale_high:g}",
        "tolerance": f"{report.tolerance:g}",
        "snapshot": snapshot.content_hash,
        "label_delay_seconds": f"{report.label_delay_seconds:g}",
        **{f"search_{name}": str(value) for name, value in searched.items()},
        **{f"library_{name}": value for name, value in report.environment.items()},
    }


def _summary(run: Any) -> RunSummary:
    tags, info = run.data.tags, run.info
    started_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=info.start_time)
    return RunSummary(
        run_id=info.run_id,
        version=_read_version(tags.get("version", "")),
        recipe=run.data.params.get("recipe", ""),
        status=info.status.lower(),
        started_at=started_at,
        seconds=None if info.end_time is None else (info.end_time - info.start_time) / 1000,
        passed={"passed": True, "refused": False}.get(tags.get("gate", "")),
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
    )


def _read_version(tag: str) -> int | None:
    """The number in a tag that anybody may have changed in MLflow; None where there is none."""
    try:
        return parse_version(tag)
    except InvalidInput:
        return None
