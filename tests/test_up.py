"""Where MLflow's own pages are, and that they are started there."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from core.bootstrap import build_app
from core.up import MLFLOW_PORT, Part, build_command, build_mlflow_url


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("", f"http://127.0.0.1:{MLFLOW_PORT}"),
        ("https://ana:secret@mlflow.example:8443/team/", "https://mlflow.example:8443/team"),
    ],
)
def test_the_link_to_mlflow_leads_to_its_server_and_carries_no_password(
    home: Path, now: Callable[[], datetime], uri: str, address: str
) -> None:
    app = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_MLFLOW_URI": uri}, now)
    try:
        assert build_mlflow_url(app) == address
        assert str(MLFLOW_PORT) in build_command(app, Part.MLFLOW)
    finally:
        app.close()
