"""What the tests of jobs share: an MLflow that is away is asked once."""

import pytest


@pytest.fixture(autouse=True)
def asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens, MLflow's client would wait 5 s before it says so."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
