"""The verb that scores a file, typed as a person types it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.bootstrap import App, build_app
from core.cli import files
from core.cli.main import cli
from core.errors import Refused
from core.store.jobs import jobs
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app with v1, which nobody deployed."""
    built = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}, lambda: NOON)
    registry = FakeRegistry()
    app = App(built.values, built.settings, built.db, registry, built.now)  # type: ignore[arg-type]
    add_version(app.db, registry)
    monkeypatch.setattr(files, "build_app", lambda: app)
    yield app
    app.close()


def test_a_file_is_scored_as_a_job_with_a_report(app: App, tmp_path: Path) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text("codeQuality,testCoverage,name\n80,60,a\n,,b\n1,2\n")
    words = ["predict", str(path), "--out", str(out), "--version", "1", "--json"]
    result = CliRunner().invoke(cli, words)
    answer = json.loads(result.stdout)
    del answer["seconds"], answer["rows_per_second"]
    [why] = answer.pop("fallbacks")
    assert why.startswith("The request has none of the features that v1 reads")
    assert answer == {
        "out": str(out),
        "version": "v1",
        "n_rows": 2,
        "n_model": 1,
        "n_heuristic": 0,
        "n_failed": 1,
        "n_rejected": 1,
        "n_unreadable": 1,
        "rejected": [
            {
                "row": 3,
                "message": "2 values where the header names 3 columns: check its quotes and "
                "separators",
            }
        ],
        "n_resumed": 0,
        "logged": False,
        "notes": [],
    }
    assert "100%  2 rows" in result.stderr
    with app.db.read() as conn:
        [job] = jobs.load_jobs(conn, 5)
    assert (job.kind, job.requested_by, job.reason) == ("predict", "ada", "scores for in.csv")
    text = CliRunner().invoke(cli, [*words[:3], str(tmp_path / "2.csv"), "--version", "1"]).stdout
    assert "2 rows scored by v1 into" in text
    assert "row 3: 2 values where the header names 3 columns" in text
    assert text.endswith("These scores are not logged as predictions.\n")


def test_without_a_version_that_serves_it_says_what_to_do(app: App, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("codeQuality,testCoverage\n80,60\n")
    result = CliRunner().invoke(cli, ["predict", str(path), "--out", str(tmp_path / "out.csv")])
    assert isinstance(result.exception, Refused)
    assert str(result.exception).startswith("No version serves: deploy one")
