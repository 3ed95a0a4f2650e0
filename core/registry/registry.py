"""The artifacts of one home folder together with their runs in MLflow."""

import os
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from core.artifacts.folder import CARD_FILE, PIPELINE_FILE, ArtifactFolder
from core.clock import Retries
from core.domain.dataset import Snapshot
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import InvalidInput, Unavailable
from core.libraries import IMPORTING
from core.log import get_logger
from core.registry.runs import (
    RUN_SORTS,
    RunPage,
    RunSummary,
    add_model_version,
    log_run,
    read_run,
    register_run,
)
from core.registry.tracking_store import (
    as_unavailable,
    is_server,
    move_files,
    open_files,
    open_sqlite,
)
from core.safety.masking import Hides, Secret
from core.settings import Scale

_TAG = "plumbline"  # of the experiment, by which it is found under another name
_FIRST_PAUSE_SECONDS, _MOST_PAUSE_SECONDS = 60.0, 6 * 3600.0

log = get_logger(__name__)


class Registry(ArtifactFolder):
    """The artifacts of one home folder, with the tracking server next to it. Nothing is opened
    before a method needs it; threads may share one instance."""

    def __init__(
        self,
        artifacts: Path,
        tracking_uri: str,
        experiment: str = "plumbline",
        signing_key: str = "",
        scale: Scale | None = None,  # of the scores that are served; None where nobody serves
    ) -> None:
        super().__init__(artifacts, signing_key)
        self.scale = scale
        self.tracking_uri = Secret(
            tracking_uri or f"sqlite:///{artifacts.parent / 'mlflow.db'}", Hides.LOGIN
        )
        self.experiment = experiment
        self._lock = threading.Lock()
        self._opened: Any = None
        self.retries = Retries(_FIRST_PAUSE_SECONDS, _MOST_PAUSE_SECONDS)

    # --- runs --------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the tracking store if there is none yet (10 s). Raises `Unavailable`."""
        self._client()

    def log_run(self, version: Version, snapshot: Snapshot) -> str:
        """Record a version as an MLflow run (parameters, figures with their limits, the learning
        curve, the snapshot's hash, libraries and commit, the artifact) and as a registered model
        version; return the run's id. A version that is recorded already keeps its run, whose report
        is written again, since an erasure may have changed it; an unfinished run of the version is
        deleted. If MLflow's address for the files is not one of ours, the run has no files, and its
        tag `files` says so. Raises `Unavailable`."""
        client, experiment_id = self._client()
        with as_unavailable(self.tracking_uri.masked):
            for known in client.search_runs(
                [experiment_id],
                f"tags.artifact_hash = '{version.artifact_hash}' and tags.version = "
                f"'{version.name}'",
            ):
                if known.info.status == "FINISHED":
                    self._replace_report(client, known, version)
                    return str(known.info.run_id)
                client.delete_run(known.info.run_id)
            if not is_server(self.tracking_uri.reveal()):
                self._files.mkdir(parents=True, exist_ok=True)  # or there is no use in a run
            run_id, artifact_uri = log_run(client, experiment_id, version, snapshot)
            with ExitStack() as undo:
                undo.callback(client.delete_run, run_id)
                self._log_files(client, run_id, artifact_uri, version)
                register_run(client, self.experiment, run_id, artifact_uri, version)
                undo.pop_all()  # it is whole
        self.count_rows()
        return run_id

    def mirror_alias(self, version_number: int) -> None:
        """Point the registered model's alias `champion` at a version, or at none if the heuristic
        serves. A mirror only: nothing reads it back. Raises `Unavailable`."""
        client, experiment_id = self._client()
        name = self.experiment
        with as_unavailable(self.tracking_uri.masked):
            if version_number == HEURISTIC:
                if client.search_registered_models(f"name = '{name}'", max_results=1):
                    client.delete_registered_model_alias(name, "champion")
                return
            of_version = f"tags.version = '{version_name(version_number)}'"
            found = client.search_model_versions(f"name = '{name}' and {of_version}", max_results=1)
            if not found:  # deleted by hand, perhaps with the whole model
                runs = client.search_runs(
                    [experiment_id], f"{of_version} and attributes.status = 'FINISHED'"
                )
                found = [
                    add_model_version(
                        client,
                        name,
                        run.info.run_id,
                        run.info.artifact_uri,
                        {"version": version_name(version_number), "artifact_hash": artifact_hash},
                    )
                    for run in runs[:1]
                    if (artifact_hash := run.data.tags.get("artifact_hash"))
                ]
            if not found:
                raise Unavailable(
                    f"{version_name(version_number)} is not in MLflow yet, so that its alias "
                    "cannot point there; it does once the run is recorded."
                )
            aliases = client.get_registered_model(name).aliases
            if str(aliases.get("champion")) == str(found[0].version):
                return
            log.info("mlflow_alias_set", was=aliases.get("champion"), now=found[0].version)
            client.set_registered_model_alias(name, "champion", found[0].version)

    def find_lost_runs(self, run_ids: Sequence[str]) -> list[str]:
        """Return the runs that somebody deleted in MLflow, or whose experiment is gone. Raises
        `Unavailable`."""
        client, _ = self._client()
        with IMPORTING:  # with mlflow, which is loaded by now
            from mlflow.exceptions import MlflowException
            from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

        lost = []
        with as_unavailable(self.tracking_uri.masked):
            for run_id in run_ids:
                try:
                    if client.get_run(run_id).info.lifecycle_stage == "deleted":
                        lost.append(run_id)
                except MlflowException as error:
                    if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                        raise
                    lost.append(run_id)
        return lost

    def mirror_notes(self, run_id: str, text: str, tags: Sequence[str]) -> None:
        """Make `text` a run's description, and `tags` its only tags that people gave, each written
        as `tag.NAME`. Raises `Unavailable`."""
        client, _ = self._client()
        with as_unavailable(self.tracking_uri.masked):
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
        """Return the first runs of an order; see `load_run_page`."""
        return self.load_run_page(limit, sort=sort, descending=descending).runs

    def load_run_page(
        self,
        limit: int = 50,
        *,
        sort: str = "started_at",
        descending: bool = True,
        token: str | None = None,
    ) -> RunPage:
        """Return a page of runs, sorted by MLflow's own store by one of `RUN_SORTS`; `token` is the
        `next_token` of the page before. Raises `InvalidInput` for another order, `Unavailable`."""
        if sort not in RUN_SORTS:
            raise InvalidInput(f"Runs cannot be sorted by '{sort}': choose {', '.join(RUN_SORTS)}.")
        client, experiment_id = self._client()
        order = f"{RUN_SORTS[sort]} {'DESC' if descending else 'ASC'}"
        with as_unavailable(self.tracking_uri.masked):
            page = client.search_runs(
                [experiment_id], max_results=limit, order_by=[order], page_token=token
            )
        return RunPage([read_run(run) for run in page], page.token or None, experiment_id)

    def count_rows(self) -> None:
        """Update SQLite's statistics of MLflow's tables: without them, sorting 10,000 runs by a
        figure takes 13 s instead of 0.1 s. They are made as new tables, since open connections
        read them again only when a table is created or dropped."""
        uri = self.tracking_uri.reveal()
        if uri.startswith("sqlite:///"):
            with open_sqlite(Path(uri.removeprefix("sqlite:///"))) as connection:
                connection.execute("PRAGMA analysis_limit = 400")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DROP TABLE IF EXISTS sqlite_stat1")
                for table in ("runs", "latest_metrics", "params", "tags"):
                    connection.execute(f"ANALYZE {table}")

    def _log_files(self, client: Any, run_id: str, artifact_uri: str, version: Version) -> None:
        files = open_files(artifact_uri, self.tracking_uri.reveal(), self._files)
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
        files = open_files(run.info.artifact_uri, self.tracking_uri.reveal(), self._files)
        if files is not None:
            _log_report(files, version)

    @property
    def _files(self) -> Path:
        """Return the folder of the runs' files: next to MLflow's own SQLite file, else in home."""
        _, is_sqlite, file = self.tracking_uri.reveal().rpartition("sqlite:///")
        beside = Path(file) if is_sqlite else self.artifacts
        return beside.resolve().parent / "mlflow"

    def _client(self) -> tuple[Any, str]:
        """Return MLflow's client, opened once, and the experiment's id, which is looked up each
        time: people delete, restore and rename experiments by hand."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            with as_unavailable(self.tracking_uri.masked):
                return self._opened, self._find_experiment(self._opened)

    def _open(self) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # else minutes to say "down"
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        # a server may not send us, a password or the files to another one
        os.environ.setdefault("MLFLOW_ALLOW_HTTP_REDIRECTS", "false")
        os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
        uri = self.tracking_uri.reveal()
        local = uri.removeprefix("sqlite:///")
        if local != uri:
            with open_sqlite(Path(local)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")  # readers pass the writer
        with IMPORTING:  # 5 s and 86 libraries: only where runs are read or written
            import mlflow.store.db.utils
            from mlflow import MlflowClient

        mlflow.store.db.utils.MAX_RETRY_COUNT = 4  # 10 would be 100 s for a database that is down
        with as_unavailable(self.tracking_uri.masked):
            return MlflowClient(uri, uri)

    def _find_experiment(self, client: Any) -> str:
        """Return the id of the experiment: restored where it was deleted, followed where it was
        renamed, created where there is none, and its files moved with the home folder."""
        uri = self.tracking_uri.reveal()
        location = None if is_server(uri) else self._files.as_uri()
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            renamed = client.search_experiments(
                filter_string=f"tags.{_TAG} = '{self.experiment}'", max_results=1
            )
            found = renamed[0] if renamed else None
        if found is None:
            tags = {_TAG: self.experiment}
            return str(client.create_experiment(self.experiment, location, tags))
        if found.lifecycle_stage == "deleted":
            log.warning("mlflow_experiment_restored", experiment=self.experiment)
            client.restore_experiment(found.experiment_id)
        if found.tags.get(_TAG) != self.experiment:
            client.set_experiment_tag(found.experiment_id, _TAG, self.experiment)
        is_local = uri.startswith("sqlite:///")
        if is_local and found.artifact_location != location:
            move_files(
                Path(uri.removeprefix("sqlite:///")),
                found.experiment_id,
                (found.artifact_location, str(location)),
            )
        return str(found.experiment_id)


def _log_report(files: Any, version: Version) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        report.write_bytes(msgspec.json.encode(version.report))
        files.log_artifact(str(report))
