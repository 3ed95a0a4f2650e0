"""What the tests of jobs share: a home with a store in it, and an MLflow that is asked once."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def home(home: Path, empty_store: Path) -> Path:
    """A home folder with an empty store in it."""
    shutil.copy(empty_store, home)
    return home


@pytest.fixture(autouse=True)
def asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens, MLflow's client would wait 5 s before it says so."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
