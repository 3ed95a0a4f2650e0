"""The tracking store: where MLflow keeps runs and their files, and what it says when it cannot."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from core.errors import Unavailable
from core.libraries import IMPORTING
from core.log import get_logger
from core.safety.masking import mask

_ADDRESSES = (
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow's own tables keep addresses of files: columns of its schema, and nothing else's."""

log = get_logger(__name__)


def is_server(tracking_uri: str) -> bool:
    """Return whether MLflow is a server, and no file or database of ours."""
    return tracking_uri.startswith(("http://", "https://"))


def move_files(file: Path, experiment_id: str, addresses: tuple[str, str]) -> None:
    """Let the runs of an experiment find their files in the current home folder: MLflow keeps the
    addresses of the time when each began, which belong to another installation where the home was
    copied. An address that is no file's, or is outside the old folder, stays."""
    before, now = addresses
    if not before.startswith("file:"):
        return
    if Path(unquote(urlsplit(before).path)).exists():
        log.warning("home_was_copied", of=before, to=now)
    below = (now, len(before) + 1, f"{before}/%")
    with open_sqlite(file) as connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            (now, experiment_id),
        )
        for table, column in _ADDRESSES:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} LIKE ?",
                below,
            )


def open_files(artifact_uri: str, tracking_uri: str, root: Path) -> Any | None:
    """Return MLflow's access to the files of a run; None unless the address, which MLflow's answer
    chooses freely, is on the tracking server itself or, without a server, below `root`."""
    address = urlsplit(artifact_uri)
    if is_server(tracking_uri):
        if address.scheme != "mlflow-artifacts" or address.netloc:
            return None
        with IMPORTING:  # with mlflow, which is loaded by now
            from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

        return MlflowArtifactsRepository(artifact_uri, tracking_uri)
    folder = Path(unquote(address.path)).resolve()
    if address.scheme != "file" or address.netloc or root not in folder.parents:
        return None
    with IMPORTING:  # with mlflow, which is loaded by now
        from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    return LocalArtifactRepository(folder.as_uri())


@contextmanager
def open_sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    """Open MLflow's own SQLite file. If it cannot be used, this fails in milliseconds, where MLflow
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
def as_unavailable(tracking_uri: str) -> Iterator[None]:
    """Turn what MLflow and its libraries raise into a sentence that names the store."""
    with IMPORTING:  # with mlflow, which is loaded by now
        import sqlalchemy.exc
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
