"""The verb that says something of a version, typed as a person types it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.bootstrap import App, build_app
from core.cli import training
from core.cli.main import cli
from core.errors import NotFound
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app with v1 that the verbs meet instead of the installation."""
    app = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}, lambda: NOON)
    add_version(app.db, FakeRegistry())
    monkeypatch.setattr(training, "build_app", lambda: app)
    yield app
    app.close()


@pytest.mark.usefixtures("app")
def test_notes_and_tags_are_said_and_read_back() -> None:
    run = CliRunner().invoke
    run(cli, ["note", "v1", "--text", "Errs on go.", "--tag", "Candidate", "--tag", "old"])
    said = run(cli, ["note", "1", "--untag", "old"]).stdout
    assert said.splitlines() == [
        "v1  candidate",
        "  2026-03-02 12:00 UTC  ada  Errs on go.",
        "  2026-03-02 12:00 UTC  ada  tag: candidate",
        "  2026-03-02 12:00 UTC  ada  tag: old",
        "  2026-03-02 12:00 UTC  ada  untag: old",
    ]
    answer = json.loads(run(cli, ["note", "v1", "--json"]).stdout)
    assert (answer["version"], answer["tags"]) == ("v1", ["candidate"])
    assert [note["by"] for note in answer["notes"]] == ["ada"] * 4


@pytest.mark.usefixtures("app")
def test_versions_lists_and_signs() -> None:
    run = CliRunner().invoke
    assert run(cli, ["versions"]).stdout.startswith("v1")
    assert [
        one["version"] for one in json.loads(run(cli, ["versions", "--json"]).stdout)["versions"]
    ]
    assert run(cli, ["versions", "sign", "v1"]).exit_code == 2  # no reason
    refused = run(cli, ["versions", "sign", "v1", "--reason", "ours"])
    assert isinstance(refused.exception, NotFound)  # the fake's artifact is no file
