"""How the parts are started: where MLflow's own pages are, whom the API believes, and what happens
where a port is taken."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from core.bootstrap import App, build_app
from core.errors import Unavailable
from core.up import (
    MLFLOW_PORT,
    Component,
    Process,
    _keep_running,
    become,
    build_command,
    build_mlflow_url,
    environment,
    prepare_metrics,
)


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
        assert str(MLFLOW_PORT) in build_command(app, Component.MLFLOW)
    finally:
        app.close()


@pytest.fixture
def app(home: Path, now: Callable[[], datetime]) -> Iterator[App]:
    """An app of two API workers whose port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        values = {
            "PLUMBLINE_HOME": str(home),
            "PLUMBLINE_API_PORT": str(listener.getsockname()[1]),
            "PLUMBLINE_API_WORKERS": "2",
        }
        with closing(build_app(values, now)) as made:
            yield made


def test_the_metrics_of_an_api_that_holds_the_port_are_not_taken_from_it(
    app: App, home: Path
) -> None:
    kept = home / "metrics" / "counter_1.db"
    kept.parent.mkdir()
    kept.write_bytes(b"of workers that still answer")
    with pytest.raises(Unavailable, match="PLUMBLINE_API_PORT"):
        prepare_metrics(app)
    assert kept.exists()


def test_each_api_counts_in_a_folder_of_its_own_and_only_those_of_ended_ones_go(
    home: Path, now: Callable[[], datetime]
) -> None:
    """Two of one home on two ports, and one that was stopped long ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    values = {
        "PLUMBLINE_HOME": str(home),
        "PLUMBLINE_API_PORT": port,
        "PLUMBLINE_API_WORKERS": "2",
    }
    with closing(build_app(values, now)) as app:
        first = Path(prepare_metrics(app)["PROMETHEUS_MULTIPROC_DIR"])
        (first / f"counter_{os.getpid()}.db").write_bytes(b"of a worker that answers")
        ended = first.parent / "api-ended"
        ended.mkdir()
        (ended / f"counter_{find_ended_pid()}.db").write_bytes(b"of one that does not")
        starting = Path(prepare_metrics(app)["PROMETHEUS_MULTIPROC_DIR"])
        second = Path(prepare_metrics(app)["PROMETHEUS_MULTIPROC_DIR"])
    assert {path.name for path in first.parent.iterdir()} == {
        path.name for path in (first, starting, second)
    }
    assert list(second.iterdir()) == []


def find_ended_pid() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_an_api_whose_port_is_taken_is_tried_again_after_a_growing_pause(app: App) -> None:
    said: list[str] = []
    api = Process(Component.API, None, n_restarts=3)
    before = time.monotonic()
    _keep_running(app, api, {}, said.append)
    assert api.running is None
    assert api.n_restarts == 4
    assert 8.0 <= api.restart_at - before < 30.0
    assert said[0].startswith("The API cannot be started again yet: Port")


@pytest.mark.parametrize("proxy", ["off", "on"])
def test_no_server_believes_what_is_forwarded_before_the_guard_looks(
    home: Path, now: Callable[[], datetime], proxy: str
) -> None:
    values = {"PLUMBLINE_HOME": str(home), "PLUMBLINE_PROXY": proxy}
    with closing(build_app(values, now)) as app:
        assert "--no-proxy-headers" in build_command(app, Component.API)
        assert environment(app)["FORWARDED_ALLOW_IPS"] == ""  # of the dashboard's uvicorn


def test_the_api_alone_says_where_it_answers(
    home: Path, now: Callable[[], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server logs warnings only, and replaces the process that could still speak."""

    def replace_process(path: str, arguments: list[str], environ: dict[str, str]) -> None:
        raise SystemExit(path)

    monkeypatch.setattr("os.execve", replace_process)
    monkeypatch.chdir(home)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    app = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_API_PORT": str(port)}, now)
    said: list[str] = []
    with pytest.raises(SystemExit):
        become(app, Component.API, said.append)
    url = f"http://127.0.0.1:{port}"
    assert said == [f"API         {url}   (documentation: {url}/docs)"]
