"""Fitted pipelines as files that cannot change unnoticed, and their runs in MLflow."""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.card import Card
from core.domain.report import Estimate, TrainingReport
from core.domain.sample import Features
from core.domain.snapshot import Snapshot
from core.domain.version import HEURISTIC, Version, parse_version, version_name
from core.errors import InvalidInput, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    import pandas as pd

PIPELINE_FILE = "pipeline.skops"
CARD_FILE = "card.json"

TRUSTED = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBRegressor",
)
"""Types that an artifact may hold beyond skops' own list of scikit-learn's and numpy's."""

TRUSTED_PACKAGES = ("core.features.", "core.training.")
"""Classes of these packages are this program's own code."""

_HASH = re.compile(r"[0-9a-f]{64}")
_GOLDEN_TOLERANCE = 1e-6
_LEFTOVER_SECONDS = 86_400
_RUN_SORTS = {
    "started_at": "attributes.start_time",
    "version": "metrics.version",
    "recipe": "params.recipe",
    **{name: f"metrics.{name}" for name in ("mae", "rmse", "r2", "accuracy", "skill", "seconds")},
}


class Artifact:
    """A fitted pipeline with its card, ready to score."""

    def __init__(self, pipeline: Any, card: Card) -> None:
        self.pipeline = pipeline
        self.card = card

    def score(self, rows: "Sequence[Features] | pd.DataFrame") -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,), clipped to the card's scale.

        A row is a mapping of raw feature names to values, or a line of a frame with these names as
        columns: the same code reads both, and a list of mappings never becomes a frame. Names that
        the pipeline does not read are ignored, names that a row lacks are missing values. A score
        that is no number stays nan."""
        if len(rows) == 0:
            return np.empty(0)
        scores = np.asarray(self.pipeline.predict(rows), dtype=np.float64).reshape(-1)
        return np.clip(scores, self.card.scale_low, self.card.scale_high)

    def verify_golden(self) -> None:
        """Score the card's golden rows again; raises `Refused` where one differs from what it was
        when the pipeline was saved."""
        golden = self.card.golden
        scores = self.score([row.features for row in golden])
        for i, row in enumerate(golden):
            if not abs(float(scores[i]) - row.score) <= _GOLDEN_TOLERANCE:
                raise Refused(
                    f"The pipeline scores its golden row {i + 1} with {scores[i]:.6g} instead of "
                    f"{row.score:.6g}: the libraries have changed since it was saved. Train it "
                    "again, or install the versions of the lock."
                )


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


class Registry:
    """The artifacts of one home folder and the tracking server beside it. Nothing is opened before
    a method needs it; one instance may be shared by threads."""

    def __init__(self, artifacts: Path, tracking_uri: str, experiment: str = "plumbline") -> None:
        self.artifacts = artifacts
        self.tracking_uri = tracking_uri or f"sqlite:///{artifacts.parent / 'mlflow.db'}"
        self.experiment = experiment
        self._lock = threading.Lock()
        self._opened: tuple[Any, str] | None = None

    # --- artifacts ---------------------------------------------------------------------------

    def save_artifact(self, pipeline: Any, card: Card) -> str:
        """Keep a fitted pipeline with its card, and return the hash that names both.

        It is read back and scores its golden rows before anything is written. Raises `Refused`
        where it holds a type that may not be loaded or scores differently when read back,
        `Unavailable` where the folder cannot be written."""
        import skops.io  # imports scikit-learn: 4 s that no page and no import may cost

        try:
            content = skops.io.dumps(pipeline, compression=zipfile.ZIP_DEFLATED)
            _parse(content, card).verify_golden()
        except (TypeError, ValueError, AttributeError) as error:
            raise Refused(
                f"The pipeline of '{card.recipe}' cannot be saved without pickle ({error}): build "
                "it from scikit-learn's classes, or from classes of core/features and "
                "core/training."
            ) from error
        files = {PIPELINE_FILE: content, CARD_FILE: msgspec.json.encode(card)}
        artifact_hash = _hash_files(files)
        try:
            self._write(artifact_hash, files)
        except OSError as error:
            raise Unavailable(
                f"The artifact cannot be written to {self.artifacts} ({error.strerror}): free "
                "some space or make the folder writable; no version was registered."
            ) from error
        return artifact_hash

    def load_artifact(self, artifact_hash: str) -> Artifact:
        """The artifact of this hash, which is verified before anything is parsed.

        Raises `NotFound` where there is none, `Refused` where it was altered, holds a type that
        may not be loaded, or was written for other libraries, `Unavailable` where it cannot be
        read."""
        folder = self.artifact_folder(artifact_hash)
        try:
            files = {name: (folder / name).read_bytes() for name in (PIPELINE_FILE, CARD_FILE)}
        except FileNotFoundError:
            raise NotFound(
                f"The artifact {artifact_hash[:12]} is not in {self.artifacts}: restore it from a "
                "backup, or train the version again."
            ) from None
        except OSError as error:
            raise Unavailable(
                f"The artifact {artifact_hash[:12]} cannot be read ({error.strerror}): check the "
                f"permissions of {self.artifacts}."
            ) from error
        if _hash_files(files) != artifact_hash:
            raise Refused(
                f"The artifact {artifact_hash[:12]} was altered after it was saved: it is not "
                "loaded. Restore it from a backup, or train the version again."
            )
        card = msgspec.json.decode(files[CARD_FILE], type=Card)
        return _parse(files[PIPELINE_FILE], card)

    def artifact_folder(self, artifact_hash: str) -> Path:
        """Where an artifact lies; raises `NotFound` for what cannot be a hash."""
        if not _HASH.fullmatch(artifact_hash):
            raise NotFound(f"'{artifact_hash[:80]}' is not the hash of an artifact.")
        return self.artifacts / artifact_hash

    def _write(self, artifact_hash: str, files: Mapping[str, bytes]) -> None:
        """All files or none: written beside, brought to the disk, then renamed."""
        target = self.artifact_folder(artifact_hash)
        self.artifacts.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.artifacts))
        try:
            self._remove_leftovers(partial)
            for name, content in files.items():
                with (partial / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            _sync_folder(partial)
            partial.chmod(0o755)
            if not target.exists():
                partial.rename(target)
                _sync_folder(self.artifacts)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _remove_leftovers(self, newest: Path) -> None:
        """What a process that was killed while it wrote has left behind."""
        for folder in self.artifacts.glob(".partial-*"):
            if newest.stat().st_mtime - folder.stat().st_mtime > _LEFTOVER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    # --- runs --------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the tracking store where there is none yet (10 s). Raises `Unavailable`."""
        self._client()

    def log_run(self, version: Version, snapshot: Snapshot) -> str:
        """Record a version as an MLflow run (parameters, figures with their limits, the snapshot's
        hash, the artifact) and as a registered model version; the run's id. A version that is
        recorded already keeps its run. Raises `Unavailable`."""
        client, experiment_id = self._client()
        with _as_unavailable(self.tracking_uri):
            known = client.search_runs(
                [experiment_id],
                f"tags.artifact_hash = '{version.artifact_hash}' and attributes.status = 'FINISHED'"
                f" and tags.version = '{version.name}'",
                max_results=1,
            )
            if known:
                return str(known[0].info.run_id)
            run_id = _log_run(
                client,
                experiment_id,
                self.experiment,
                version,
                snapshot,
                self.artifact_folder(version.artifact_hash),
            )
        self._count_rows()
        return run_id

    def mirror_alias(self, version_number: int) -> None:
        """Point the registered model's alias `champion` at a version, or at none where the
        heuristic serves. A mirror only: nothing reads it back. Raises `Unavailable`."""
        client, _ = self._client()
        name = self.experiment
        with _as_unavailable(self.tracking_uri):
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
        if sort not in _RUN_SORTS:
            raise InvalidInput(
                f"Runs cannot be sorted by '{sort}': choose {', '.join(_RUN_SORTS)}."
            )
        client, experiment_id = self._client()
        order = f"{_RUN_SORTS[sort]} {'DESC' if descending else 'ASC'}"
        with _as_unavailable(self.tracking_uri):
            page = client.search_runs(
                [experiment_id], max_results=limit, order_by=[order], page_token=token
            )
        return RunPage([_summary(run) for run in page], page.token or None)

    def _count_rows(self) -> None:
        """Tell SQLite how its tables have grown: without, sorting 10,000 runs by a figure takes
        13 s instead of 0.1 s."""
        if self.tracking_uri.startswith("sqlite:///"):
            with _open_sqlite(Path(self.tracking_uri.removeprefix("sqlite:///"))) as connection:
                connection.execute("PRAGMA analysis_limit = 400")
                for table in ("runs", "latest_metrics", "params", "tags"):
                    connection.execute(f"ANALYZE {table}")

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
        local = self.tracking_uri.removeprefix("sqlite:///")
        location = None
        if local != self.tracking_uri:
            with _open_sqlite(Path(local)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")  # readers pass the writer
            location = (Path(local).resolve().parent / "mlflow").as_uri()
        import mlflow.store.db.utils  # 5 s and 86 libraries: only where runs are read or written
        from mlflow import MlflowClient

        mlflow.store.db.utils.MAX_RETRY_COUNT = 4  # 10 would be 100 s for a database that is down
        with _as_unavailable(self.tracking_uri):
            client = MlflowClient(self.tracking_uri, self.tracking_uri)
            found = client.get_experiment_by_name(self.experiment)
            if found is not None:
                return client, found.experiment_id
            return client, client.create_experiment(self.experiment, location)


def _parse(content: bytes, card: Card) -> Artifact:
    """Read a pipeline whose bytes are known to be the saved ones."""
    import skops.io  # imports scikit-learn: 4 s that no page and no import may cost

    try:
        types = skops.io.get_untrusted_types(data=content)
        strange = [name for name in types if not _is_trusted(name)]
        if strange:
            raise Refused(
                f"The pipeline of '{card.recipe}' holds {', '.join(strange)}, which may not be "
                "loaded: add the type to TRUSTED in core/registry.py once it is known to be safe."
            )
        return Artifact(skops.io.loads(content, trusted=types), card)
    except (
        zipfile.BadZipFile,
        ImportError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise Refused(
            f"The pipeline of '{card.recipe}' cannot be read by the libraries installed here "
            f"({error}): install the versions of the lock, or train the version again."
        ) from error


def _is_trusted(name: str) -> bool:
    return name in TRUSTED or name.startswith(TRUSTED_PACKAGES)


def _hash_files(files: Mapping[str, bytes]) -> str:
    """A hash over names and contents."""
    lines = [f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
    place = re.sub(r"//[^/@]*@", "//…@", place)
    lines = str(error).strip().splitlines()
    detail = re.sub(r"//[^/@\s]*@", "//…@", lines[0][:200]) if lines else type(error).__name__
    return Unavailable(
        f"MLflow at {place} cannot be used ({detail}): check PLUMBLINE_MLFLOW_URI and that the "
        "server runs; training and serving go on without it."
    )


def _log_run(
    client: Any,
    experiment_id: str,
    model: str,
    version: Version,
    snapshot: Snapshot,
    artifact: Path,
) -> str:
    # Not at the top: MLflow takes 5 s to import, which only tracking should cost.
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    report = version.report
    ended_ms = round(version.created_at.timestamp() * 1000)
    run = client.create_run(
        experiment_id, ended_ms - round(report.seconds * 1000), run_name=version.name
    )
    run_id = str(run.info.run_id)
    tags = {
        "version": version.name,
        "artifact_hash": version.artifact_hash,
        "snapshot_hash": snapshot.content_hash,
        "gate": "passed" if report.gate.passed else "refused",
        "summary": report.summary,
        "synthetic": str(report.synthetic).lower(),
        "mlflow.user": version.created_by,
    }
    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, ended_ms, 0)
            for name, value in {"version": version.number, **_metrics(report)}.items()
        ],
        params=[Param(name, value[:5000]) for name, value in _params(report, snapshot).items()],
        tags=[RunTag(name, value[:5000]) for name, value in tags.items()],
    )
    client.log_artifacts(run_id, str(artifact), "model")
    client.log_text(run_id, msgspec.json.encode(report).decode(), "report.json")
    client.set_terminated(run_id, "FINISHED", ended_ms)
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    client.create_model_version(
        model,
        f"{run.info.artifact_uri}/model",
        run_id,
        tags={"version": version.name, "artifact_hash": version.artifact_hash},
        await_creation_for=0,
    )
    return run_id


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
        **{f"search_{name}": str(value) for name, value in searched.items()},
    }


def _summary(run: Any) -> RunSummary:
    tags, info = run.data.tags, run.info
    name = tags.get("version")
    started_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=info.start_time)
    return RunSummary(
        run_id=info.run_id,
        version=None if name is None else parse_version(name),
        recipe=run.data.params.get("recipe", ""),
        status=info.status.lower(),
        started_at=started_at,
        seconds=None if info.end_time is None else (info.end_time - info.start_time) / 1000,
        passed={"passed": True, "refused": False}.get(tags.get("gate", "")),
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
    )
