"""The verb that scores a file, typed as a person types it."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from core.bootstrap import App, build_app
from core.cli import decisions, files
from core.cli.main import cli
from core.errors import Conflict, InvalidInput, Refused
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
    for module in (decisions, files):
        monkeypatch.setattr(module, "build_app", lambda: app)
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


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_best_row_of_each_group_is_picked(app: App, tmp_path: Path, suffix: str) -> None:
    path, out = tmp_path / "in.csv", tmp_path / f"out{suffix}"
    path.write_text("codeQuality,testCoverage,q\n80,60,1\n90,90,1\n20,20,2\n15,10,\n30,10,1\n")
    words = ["rank", str(path), "--group", "q", "--out", str(out), "--version", "1"]
    answer = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert (answer["n_rows"], answer["n_groups"], answer["n_alone"]) == (5, 3, 2)
    assert (answer["out"], answer["policy"], answer["n_explored"]) == (str(out), None, 0)
    read = {".csv": pd.read_csv, ".jsonl": partial(pd.read_json, lines=True)}
    table = read.get(suffix, pd.read_parquet)(out)  # type: ignore[operator]
    told = table[["rank", "picked", "probability"]].itertuples(index=False, name=None)
    assert list(told) == [
        (2, False, 0.0),
        (1, True, 1.0),
        (1, True, 1.0),
        (1, True, 1.0),
        (3, False, 0.0),
    ]


@pytest.mark.usefixtures("app")
def test_a_file_is_ranked_the_same_again_and_by_a_pick_policy_only(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("codeQuality,q\n" + "".join(f"{i},{i // 4}\n" for i in range(80)))
    for words in ("pick --explore 0.5", "redo --bar 60 --cost-redo 1 --cost-bad 9 --threshold 50"):
        set_one = ["policies", "set", *words.split(), "--reason", "why"]
        assert CliRunner().invoke(cli, set_one).exit_code == 0
    words = ["rank", str(path), "--group", "q", "--version", "1", "--json", "--out"]
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    told = [
        json.loads(CliRunner().invoke(cli, [*words, str(out)]).stdout) for out in (first, second)
    ]
    assert told[0]["policy"] == "p1"
    assert 0 < told[0]["n_explored"] < 20
    assert first.read_text() == second.read_text()
    for more, error, said in (
        (["--policy", "p2"], InvalidInput, "p2 is no pick policy"),
        (["--prefix", ""], Conflict, "'a.csv' exists"),
    ):
        with pytest.raises(error, match=said):
            CliRunner().invoke(cli, [*words, str(first), *more], catch_exceptions=False)
    wrong = [
        "rank",
        str(path),
        "--group",
        "session",
        "--version",
        "1",
        "--out",
        str(tmp_path / "c.csv"),
    ]
    with pytest.raises(InvalidInput, match="no column 'session'"):
        CliRunner().invoke(cli, wrong, catch_exceptions=False)
